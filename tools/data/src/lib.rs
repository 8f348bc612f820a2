//! The package `data`: tools on structured data that is given as text. It needs nothing of the outside.

mod aggregate;
mod csv_text;
mod format;
mod infer;
mod lines;
mod order;
mod path;
mod query;
mod toml_text;

/// Queries, converts, sorts, groups and aggregates structured data, and takes lines of logs apart.
///
/// Values of any shape cross as JSON text. A `path` names a part of a value: `user.name`, `items.0.price`; `.` is the value
/// itself; where names hold dots, a JSON pointer such as `/a.b/0` does. Input is JSON unless `format` says otherwise. It may
/// nest 128 deep.
#[gloveport::tools(package = "gloveport:data")]
pub mod data {
    use crate::{aggregate, format, lines, order, query};

    /// How data is written.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Format {
        /// One JSON value.
        Json,
        /// One JSON value a line, read as an array.
        Ndjson,
        /// YAML; several documents are read as an array. Aliases are resolved, within bounds.
        Yaml,
        /// TOML, whose top is always an object. Dates and times become strings.
        Toml,
        /// Comma-separated rows: an array of objects or, without a header, of arrays.
        Csv,
        /// Tab-separated rows, otherwise as `csv`.
        Tsv,
    }

    /// What to sort by.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SortKey {
        /// The path of the value to compare.
        pub path: String,
        /// Whether the greatest comes first. Default: false.
        pub descending: Option<bool>,
    }

    /// What to compute of many values.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Operation {
        /// How many items have the value, and it is not null.
        Count,
        /// The sum of the numbers; 0 for none.
        Sum,
        /// The least value; null for none.
        Min,
        /// The greatest value; null for none.
        Max,
        /// The mean of the numbers; null for none.
        Mean,
        /// How many different values there are, without null.
        Distinct,
    }

    /// Something to compute.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Measure {
        /// What to compute.
        pub operation: Operation,
        /// The path of the values to compute it of. `sum` and `mean` leave out what is no number.
        pub path: String,
        /// The name that it has in the result. Default: the operation and the path, such as `sum_price`.
        pub name: Option<String>,
    }

    /// Lines that were taken apart.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Parsed {
        /// A JSON array with an object for each line that matched, in order; its keys are the names of the groups.
        pub rows: String,
        /// How many lines matched.
        pub matched: u32,
        /// How many did not; empty lines do not count.
        pub unmatched: u32,
        /// The first line that did not match, to mend the pattern by.
        pub unmatched_sample: Option<String>,
    }

    /// Runs a jq filter on a value, and gives each of its results as JSON text.
    ///
    /// The language is that of jq 1.7 as jaq implements it, without modules and `input`. Fails on a filter that is no jq,
    /// naming the place; on an error that the filter meets; on results that JSON cannot say, such as `nan`; and on more than
    /// `max` results or 16 MiB of them.
    pub fn query(
        /// The value.
        input: String,
        /// The filter, such as `.items | map(select(.price > 10)) | length`.
        filter: String,
        /// How the input is written. Default: `json`.
        format: Option<Format>,
        /// The most results to accept. Default: 1000.
        max: Option<u32>,
    ) -> Result<Vec<String>, String> {
        query::query(&input, &filter, format, max)
    }

    /// Converts data from one format to another.
    ///
    /// Fails, naming the place, on input that is not in its format, and on values that the other format cannot say: TOML has
    /// no null and only objects at the top; CSV and TSV are arrays of objects or of arrays, and keep what is nested as JSON.
    pub fn convert(
        /// The data.
        input: String,
        /// The format to read.
        from: Format,
        /// The format to write.
        to: Format,
        /// Whether the first row of CSV and TSV names the columns, in what is read and in what is written. Default: true.
        header: Option<bool>,
        /// Read the fields of CSV and TSV that look like JSON numbers, `true` or `false` as such, not as strings. Default: true.
        infer_types: Option<bool>,
        /// What separates the fields of `csv`, one ASCII character. Default: `,`.
        delimiter: Option<char>,
        /// Indent JSON. Default: false.
        pretty: Option<bool>,
    ) -> Result<String, String> {
        let table = format::Table::new(header, infer_types, delimiter)?;
        let value = format::read(&input, from, &table)?;
        format::write(&value, to, &table, pretty.unwrap_or(false))
    }

    /// Sorts an array, and gives it as JSON text.
    ///
    /// The order is that of jq: null and what is missing, false, true, numbers, strings, arrays, objects. Items that are equal
    /// keep their order. Fails on input that is not an array.
    pub fn sort(
        /// The array.
        input: String,
        /// What to sort by; later keys decide where earlier ones are equal.
        by: Vec<SortKey>,
        /// How the input is written. Default: `json`.
        format: Option<Format>,
        /// Give only the first so many items. Default: all.
        limit: Option<u32>,
    ) -> Result<String, String> {
        order::sort(&input, &by, format, limit)
    }

    /// Groups the items of an array by values in them, and counts and measures each group.
    ///
    /// Gives a JSON array of flat objects, those with the largest counts first, then by key:
    /// `[{"status": 200, "count": 2, "sum_bytes": 40}]`. A key that is missing is null. Fails on input that is not an array,
    /// and where two columns would have one name.
    pub fn group(
        /// The array.
        input: String,
        /// The paths of the values that make the key; at least one.
        by: Vec<String>,
        /// What to compute for each group besides its count. Default: nothing.
        measures: Option<Vec<Measure>>,
        /// How the input is written. Default: `json`.
        format: Option<Format>,
        /// Give only the first so many groups. Default: all.
        limit: Option<u32>,
    ) -> Result<String, String> {
        aggregate::group(&input, &by, &measures.unwrap_or_default(), format, limit)
    }

    /// Computes sums, means, extremes and counts over all items of an array.
    ///
    /// Gives a JSON object with `count`, the number of items, and each measure. Fails as `group` does.
    pub fn aggregate(
        /// The array.
        input: String,
        /// What to compute.
        measures: Vec<Measure>,
        /// How the input is written. Default: `json`.
        format: Option<Format>,
    ) -> Result<String, String> {
        aggregate::aggregate(&input, &measures, format)
    }

    /// Takes the lines of a text apart by a pattern with named groups.
    ///
    /// For counts over a large log file, `files.tally` does that where the file is. Fails on a pattern that is no regular
    /// expression or has no named group, and on more than `max` rows.
    pub fn parse_lines(
        /// The text.
        input: String,
        /// A regular expression of Rust's `regex` crate, such as `^(?<level>\w+): (?<message>.*)$`. A group that takes no part
        /// in a match is null.
        pattern: String,
        /// Give what looks like JSON numbers, `true` or `false` as such, not as strings. Default: true.
        infer_types: Option<bool>,
        /// The most rows to accept. Default: 10000.
        max: Option<u32>,
    ) -> Result<Parsed, String> {
        lines::parse(&input, &pattern, infer_types.unwrap_or(true), max)
    }
}

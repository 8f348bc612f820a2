//! The package `files`: tools on the files of the mounts that a call was granted.
#![allow(clippy::disallowed_methods, reason = "in a guest, std::fs is the sandbox's door to the mounts of the grant")]

mod change;
mod error;
mod filter;
mod lines;
mod list;
mod measure;
mod mounts;
mod read;
mod search;
mod tally;
mod tree;
mod walk;
mod write;

/// Reads, searches, measures and changes files.
///
/// Files are in mounts, which are the directories right below `/`; `list` without a path names them. `workspace/src/main.rs`
/// and `/workspace/src/main.rs` are the same file, and results spell paths with the leading `/`. Everything is sorted, so the
/// same files give the same result. Links are reported and never followed by walks. A glob that has no `/` is matched against
/// names at any depth (`*.rs`), one that has against paths relative to the root of the walk (`src/**/*.rs`); `{a,b}`, `[a-z]`
/// and `?` work. Patterns are regular expressions of Rust's `regex` crate: Perl-like, without look-around and backreferences.
#[gloveport::tools(package = "gloveport:files", needs(fs = "read-write"))]
pub mod files {
    use crate::{change, list, measure, read, search, tally, tree, write};

    /// What a path leads to.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Kind {
        /// A regular file.
        File,
        /// A directory, or a mount.
        Directory,
        /// A symbolic link.
        Link,
        /// Something else, such as a socket.
        Other,
    }

    /// A part of a file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Range {
        /// By lines.
        Lines {
            /// The first line to read, from 1.
            first: u64,
            /// The last line to read. Default: the file's last.
            last: Option<u64>,
        },
        /// By bytes. What starts or ends inside a character leaves that character out.
        Bytes {
            /// The first byte to read, from 0.
            offset: u64,
            /// How many bytes to read. Default: up to the file's end.
            length: Option<u64>,
        },
    }

    /// A part of a text file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Text {
        /// The text, with its line ends.
        pub text: String,
        /// The byte of the file at which the text starts.
        pub start: u64,
        /// The byte of the file after the text; to read on, give `{"bytes": {"offset": end}}` as the range.
        pub end: u64,
        /// Whether `max_bytes` cut the range off, after its last whole line where there is one.
        pub truncated: bool,
        /// The file's size in bytes.
        pub size: u64,
        /// The file's lines, with a last one that has no end; absent for a range of bytes.
        pub total_lines: Option<u64>,
    }

    /// A part of any file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Bytes {
        /// The bytes.
        pub bytes: Vec<u8>,
        /// The byte of the file after them.
        pub end: u64,
        /// The file's size in bytes.
        pub size: u64,
    }

    /// What to do about a file that exists already.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Mode {
        /// Fail if it exists.
        Create,
        /// Replace it; readers see the old content or the new, never a part. Its permissions are not kept.
        Overwrite,
        /// Add to its end, and create it if it is missing.
        Append,
    }

    /// A file that was written.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Written {
        /// The file.
        pub path: String,
        /// Its size in bytes now.
        pub size: u64,
    }

    /// One exact replacement.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Replacement {
        /// The text to replace, exactly as it stands in the file, with its white space and line ends.
        pub old: String,
        /// The text to put in its place.
        pub new: String,
        /// Replace every occurrence. Default: false, and `old` must occur exactly once.
        pub all: Option<bool>,
    }

    /// A file that was edited.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Edited {
        /// The file.
        pub path: String,
        /// How many occurrences were replaced.
        pub replaced: u32,
        /// Its size in bytes now.
        pub size: u64,
    }

    /// An entry of a directory.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Entry {
        /// Its name.
        pub name: String,
        /// What it is.
        pub kind: Kind,
        /// A file's size in bytes; absent for everything else.
        pub size: Option<u64>,
    }

    /// A directory's entries.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Listing {
        /// By name; at most `limit`.
        pub entries: Vec<Entry>,
        /// How many there are, with those that `limit` left out.
        pub total: u32,
    }

    /// What is known of a path.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Info {
        /// The path.
        pub path: String,
        /// What it leads to; a link is not followed.
        pub kind: Kind,
        /// A file's size in bytes; absent for everything else.
        pub size: Option<u64>,
        /// When its content last changed, in seconds since 1970-01-01 UTC, where that is known.
        pub modified: Option<u64>,
    }

    /// A drawn tree.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Drawing {
        /// One line for each entry, indented by depth; directories end with `/`, and links with `@`.
        pub text: String,
        /// Files and links drawn.
        pub files: u32,
        /// Directories drawn, without the root.
        pub directories: u32,
        /// Whether `limit` left entries out. What is deeper than `depth` is left out in any case.
        pub truncated: bool,
    }

    /// The files that match a glob.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Paths {
        /// At most `limit`.
        pub paths: Vec<String>,
        /// How many there are, with those that `limit` left out.
        pub total: u32,
    }

    /// What to sort files by.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Order {
        /// By path.
        Name,
        /// The largest first.
        Size,
        /// The one with the most lines first.
        Lines,
    }

    /// A file and its measures.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Measured {
        /// The file.
        pub path: String,
        /// Its size in bytes.
        pub size: u64,
        /// Its lines, with a last one that has no end; absent unless asked for, and for binary files.
        pub lines: Option<u64>,
    }

    /// Files and their measures.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Found {
        /// In the order asked for; at most `limit`.
        pub files: Vec<Measured>,
        /// How many there are, with those that `limit` left out.
        pub total: u32,
        /// The bytes of all of them.
        pub total_size: u64,
    }

    /// A line that matched.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Hit {
        /// The file.
        pub path: String,
        /// The line's number, from 1.
        pub line: u64,
        /// The line without its end; of a long one, the first 500 bytes and `…`.
        pub text: String,
        /// The lines before it, as many as `context`.
        pub before: Vec<String>,
        /// The lines after it, as many as `context`.
        pub after: Vec<String>,
    }

    /// The lines that matched.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Hits {
        /// By path and line.
        pub hits: Vec<Hit>,
        /// Files that were searched.
        pub searched: u32,
        /// Binary files, which were not.
        pub skipped: u32,
        /// Whether the search ended early: at `limit`, or at 4 MiB of hits.
        pub truncated: bool,
    }

    /// A condition on what a named group of the pattern matched.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Condition {
        /// The group's name.
        pub group: String,
        /// What must hold.
        pub test: Test,
    }

    /// What must hold of a text. A text that is no number is neither at least nor at most one.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Test {
        /// It is this.
        Is(String),
        /// It is not this.
        IsNot(String),
        /// It contains this.
        Contains(String),
        /// As a number, it is this or more.
        AtLeast(f64),
        /// As a number, it is this or less.
        AtMost(f64),
    }

    /// The sum of numbers, and more.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Summary {
        /// How many lines had a number.
        pub count: u64,
        /// All of them added up.
        pub sum: f64,
        /// The least.
        pub min: f64,
        /// The greatest.
        pub max: f64,
        /// The sum divided by the count.
        pub mean: f64,
    }

    /// Lines that have the same key.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Group {
        /// What the groups named in `group_by` matched, in that order; empty for one that took no part in the match.
        pub key: Vec<String>,
        /// How many lines.
        pub count: u64,
        /// The number of the first of them, from 1.
        pub first_line: u64,
        /// The number of the last of them.
        pub last_line: u64,
        /// The first of them; of a long one, the first 500 bytes and `…`.
        pub sample: String,
        /// The numbers of `measure`; absent without it, and where no line had a number.
        pub measured: Option<Summary>,
    }

    /// A file's lines, counted by key.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Tallied {
        /// By count, the largest first, then by key; at most `limit`.
        pub groups: Vec<Group>,
        /// How many there are, with those that `limit` left out.
        pub total_groups: u32,
        /// The file's lines.
        pub lines: u64,
        /// Lines that matched the pattern and the conditions, and so were counted.
        pub counted: u64,
        /// Lines that did not match the pattern.
        pub unmatched: u64,
        /// The first line that did not match the pattern, to mend the pattern by.
        pub unmatched_sample: Option<String>,
    }

    /// What was copied or removed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Changed {
        /// Files, and links where they were removed.
        pub files: u32,
        /// Directories, with the root if it is one.
        pub directories: u32,
        /// The bytes of the files.
        pub bytes: u64,
    }

    /// Reads a text file, or a part of it.
    ///
    /// Fails on a file that is not text in UTF-8, which `read_bytes` can read.
    #[tool(pure)]
    pub fn read(
        /// The file.
        path: String,
        /// The part to read. Default: all of it.
        range: Option<Range>,
        /// Give at most this many bytes; `truncated` tells. Default: 262144 (256 KiB), at most 16777216 (16 MiB).
        max_bytes: Option<u32>,
    ) -> Result<Text, String> {
        read::text(&path, range, max_bytes)
    }

    /// Reads any file, or a part of it, as bytes.
    #[tool(pure)]
    pub fn read_bytes(
        /// The file.
        path: String,
        /// The first byte to read, from 0. Default: 0.
        offset: Option<u64>,
        /// Read at most this many bytes. Default: 262144 (256 KiB), at most 16777216 (16 MiB).
        length: Option<u32>,
    ) -> Result<Bytes, String> {
        read::bytes(&path, offset, length)
    }

    /// Writes a text file. Directories that are missing on the way are made.
    pub fn write(
        /// The file.
        path: String,
        /// Its new content, or what to append.
        content: String,
        /// What to do if the file exists. Default: `create`, which fails then.
        mode: Option<Mode>,
    ) -> Result<Written, String> {
        write::write(&path, content.as_bytes(), mode)
    }

    /// Writes any file from bytes. Directories that are missing on the way are made.
    pub fn write_bytes(
        /// The file.
        path: String,
        /// Its new content, or what to append.
        bytes: Vec<u8>,
        /// What to do if the file exists. Default: `create`, which fails then.
        mode: Option<Mode>,
    ) -> Result<Written, String> {
        write::write(&path, &bytes, mode)
    }

    /// Edits a text file by exact replacements, all of them or none.
    ///
    /// Each replacement sees what those before it made. Fails, without a change, where an `old` does not occur, or occurs more
    /// than once and `all` is not set; then it says how often and at which lines.
    pub fn edit(
        /// The file; at most 16 MiB.
        path: String,
        /// The replacements, in order; at least one.
        edits: Vec<Replacement>,
    ) -> Result<Edited, String> {
        write::edit(&path, &edits)
    }

    /// Lists a directory's entries, not those of its subdirectories.
    #[tool(pure)]
    pub fn list(
        /// The directory. Default: `/`, whose entries are the mounts.
        path: Option<String>,
        /// At most this many entries. Default: 1000.
        limit: Option<u32>,
    ) -> Result<Listing, String> {
        list::list(path.as_deref().unwrap_or("/"), limit)
    }

    /// Tells what a path leads to, how large it is and when it changed.
    ///
    /// Fails if there is nothing.
    #[tool(pure)]
    pub fn stat(
        /// The path.
        path: String,
    ) -> Result<Info, String> {
        list::stat(&path)
    }

    /// Draws a directory and what is below it.
    ///
    /// `.git` and what `.gitignore` files exclude are left out.
    #[tool(pure)]
    pub fn tree(
        /// The directory. Default: `/`, which is all mounts.
        path: Option<String>,
        /// How many levels to draw. Default: 3.
        depth: Option<u32>,
        /// Draw what `.gitignore` excludes and `.git` too. Default: false.
        ignored: Option<bool>,
        /// At most this many entries. Default: 500.
        limit: Option<u32>,
    ) -> Result<Drawing, String> {
        tree::tree(path.as_deref().unwrap_or("/"), depth, ignored, limit)
    }

    /// Finds files by a glob, at any depth.
    #[tool(pure)]
    pub fn glob(
        /// The glob, such as `*.rs` or `src/**/*.rs`.
        pattern: String,
        /// Where to look. Default: `/`, which is all mounts.
        root: Option<String>,
        /// Find what `.gitignore` excludes and `.git` holds too. Default: false.
        ignored: Option<bool>,
        /// At most this many paths. Default: 1000.
        limit: Option<u32>,
    ) -> Result<Paths, String> {
        measure::glob(&pattern, root.as_deref().unwrap_or("/"), ignored, limit)
    }

    /// Measures files: sizes and, if asked for, lines. Tells which are the largest or longest, and what they add up to.
    #[tool(pure)]
    pub fn find(
        /// Where to look. Default: `/`, which is all mounts.
        root: Option<String>,
        /// Only files that match this glob. Default: all.
        glob: Option<String>,
        /// What to sort by. Default: `name`.
        sort: Option<Order>,
        /// Count lines, which reads every file. Default: true if sorted by lines, else false.
        lines: Option<bool>,
        /// Find what `.gitignore` excludes and `.git` holds too. Default: false.
        ignored: Option<bool>,
        /// At most this many files. Default: 100.
        limit: Option<u32>,
    ) -> Result<Found, String> {
        let root = root.as_deref().unwrap_or("/");
        measure::find(root, glob.as_deref(), sort, lines, ignored, limit)
    }

    /// Searches files for lines that match a pattern.
    ///
    /// Binary files are skipped. Of a line over 64 KiB, only the start is searched.
    #[expect(clippy::too_many_arguments, reason = "callers name them, and need only the first")]
    #[tool(pure)]
    pub fn search(
        /// A regular expression, matched against each line without its end.
        pattern: String,
        /// A file, or a directory to search with all below it. Default: `/`, which is all mounts.
        root: Option<String>,
        /// Only files that match this glob. Default: all.
        glob: Option<String>,
        /// Take the pattern as it stands, not as a regular expression. Default: false.
        literal: Option<bool>,
        /// Let upper and lower case match each other. Default: false.
        ignore_case: Option<bool>,
        /// How many lines to give before and after each hit; at most 20. Default: 0.
        context: Option<u32>,
        /// Search what `.gitignore` excludes and `.git` holds too. Default: false.
        ignored: Option<bool>,
        /// At most this many hits, in all files together. Default: 100.
        limit: Option<u32>,
    ) -> Result<Hits, String> {
        let pattern = pattern::Pattern::new(&pattern, literal, ignore_case).over_bytes()?;
        let root = root.as_deref().unwrap_or("/");
        search::search(&pattern, root, glob.as_deref(), context, ignored, limit)
    }

    /// Counts the lines of a file by what named groups of a pattern match: who, what, how often, first and last where.
    ///
    /// Made for logs of any size: the file is read once, in bounded memory, and only the counts come back. A part of a field
    /// makes a key too: `\[(?<hour>[^:]+:\d\d)` counts by hour. Fails where there are more than 100000 different keys, or more
    /// than 16 MiB of them.
    #[tool(pure)]
    pub fn tally(
        /// The file.
        path: String,
        /// A regular expression with named groups, such as `^(?<ip>\S+) .* (?<status>\d{3}) (?<bytes>\d+)$`. Of a line over
        /// 64 KiB, only the start is matched.
        pattern: String,
        /// Names of groups of the pattern, whose values together are the key. None counts all lines as one.
        group_by: Vec<String>,
        /// Count only lines for which all of these hold. Default: every line that matches.
        conditions: Option<Vec<Condition>>,
        /// The name of a group that matches a number, such as a size or a duration, to add up for each key. Default: none.
        measure: Option<String>,
        /// At most this many keys, those with the largest counts. Default: 100.
        limit: Option<u32>,
    ) -> Result<Tallied, String> {
        let pattern = pattern::Pattern::new(&pattern, None, None).over_bytes()?;
        tally::tally(&path, &pattern, &group_by, &conditions.unwrap_or_default(), measure.as_deref(), limit)
    }

    /// Moves or renames a file or a directory. Directories that are missing on the way are made.
    pub fn r#move(
        /// What to move.
        from: String,
        /// Its new path, with its new name; not the directory to put it into.
        to: String,
        /// Replace a file at `to`. A directory is never replaced. Default: false.
        overwrite: Option<bool>,
    ) -> Result<(), String> {
        change::rename(&from, &to, overwrite.unwrap_or(false))
    }

    /// Copies a file, or a directory with all below it. Directories that are missing on the way are made.
    ///
    /// Links are refused. A copy that fails in the middle of a directory leaves what it has copied.
    pub fn copy(
        /// What to copy.
        from: String,
        /// The path of the copy, with its name; not the directory to put it into.
        to: String,
        /// Replace files that exist at `to`. Default: false.
        overwrite: Option<bool>,
    ) -> Result<Changed, String> {
        change::copy(&from, &to, overwrite.unwrap_or(false))
    }

    /// Removes a file, a link or a directory, for good.
    pub fn remove(
        /// What to remove.
        path: String,
        /// Remove a directory with all below it. Default: false, and a directory must be empty.
        recursive: Option<bool>,
    ) -> Result<Changed, String> {
        change::remove(&path, recursive.unwrap_or(false))
    }

    /// Makes a directory, and those that are missing on the way to it. One that exists is left as it is.
    #[tool(idempotent)]
    pub fn make_dir(
        /// The directory.
        path: String,
    ) -> Result<(), String> {
        change::make_dir(&path)
    }
}

//! The package `text`: tools on texts that are given as arguments. It needs nothing of the outside.

mod compare;
mod edit;
mod encode;
mod search;

/// Searches, replaces, splits, compares, patches, hashes and encodes texts.
///
/// Patterns are regular expressions in the syntax of Rust's `regex` crate: Perl-like, without look-around and backreferences,
/// and in time linear in the text. `literal: true` takes a pattern as it stands. Lines are numbered from 1 and end with `\n`
/// or `\r\n`.
#[gloveport::tools(package = "gloveport:text")]
pub mod text {
    use crate::{compare, edit, encode, search};

    /// One matching line.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Match {
        /// The line's number, from 1.
        pub line: u32,
        /// The line, without its end.
        pub text: String,
    }

    /// The lines that matched.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Matches {
        /// In the order of the text; at most `max`.
        pub matches: Vec<Match>,
        /// How many lines matched, with those that `max` left out.
        pub total: u32,
    }

    /// A text after replacements.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Replaced {
        /// The new text.
        pub text: String,
        /// How many occurrences were replaced.
        pub count: u32,
    }

    /// What turns one text into another.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Difference {
        /// A unified diff, as `diff -u` and `git diff` write it; empty where the texts are equal.
        pub unified: String,
        /// How many lines only the new text has.
        pub added: u32,
        /// How many lines only the old text has.
        pub removed: u32,
    }

    /// Where to cut a text.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Cut {
        /// At every occurrence of this text, which is left out of the pieces.
        At(String),
        /// After every so many lines. The pieces keep their line ends.
        Lines(u32),
        /// Into pieces of at most so many bytes, at the end of a line where there is one, and never inside a character.
        Bytes(u32),
    }

    /// How large a text is.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Counts {
        /// Lines, with a last one that has no end.
        pub lines: u32,
        /// Words: what white space separates.
        pub words: u32,
        /// Characters (Unicode scalar values).
        pub chars: u32,
        /// Bytes in UTF-8.
        pub bytes: u32,
        /// Occurrences of `pattern` that do not overlap; absent without a pattern.
        pub matches: Option<u32>,
    }

    /// A hash function.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Algorithm {
        /// SHA-256.
        Sha256,
        /// SHA-512.
        Sha512,
        /// CRC-32 as in zip and gzip. It finds accidents, not forgery.
        Crc32,
    }

    /// How bytes are written as text.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Encoding {
        /// Base64 with `+` and `/`, padded with `=`. Decoding takes it without padding too.
        Base64,
        /// Base64 with `-` and `_`, without padding. Decoding takes it padded too.
        Base64url,
        /// Two lower-case hexadecimal digits a byte. Decoding takes upper case too.
        Hex,
        /// URL encoding: all but ASCII letters, digits and `-._~` becomes `%XX`. `+` does not stand for a space.
        Percent,
    }

    /// Finds the lines of a text that match a pattern.
    ///
    /// Fails on a pattern that is no regular expression or is too large to compile.
    pub fn grep(
        /// A regular expression, matched against each line without its end.
        pattern: String,
        /// The text to search.
        text: String,
        /// Take the pattern as it stands, not as a regular expression. Default: false.
        literal: Option<bool>,
        /// Let upper and lower case match each other. Default: false.
        ignore_case: Option<bool>,
        /// Give the lines that do not match instead. Default: false.
        invert: Option<bool>,
        /// At most this many lines; `total` counts all of them. Default: 1000.
        max: Option<u32>,
    ) -> Result<Matches, String> {
        search::grep(&pattern, &text, literal, ignore_case, invert, max)
    }

    /// Replaces what matches a pattern.
    ///
    /// Fails on a bad pattern, and on a result of more than 64 MiB.
    pub fn replace(
        /// A regular expression, matched against the whole text: `(?m)` lets `^` and `$` match at every line.
        pattern: String,
        /// What to put in its place. `$1` or `${name}` stand for what a group matched, `$$` for a dollar; with `literal`, all
        /// of it stands for itself.
        replacement: String,
        /// The text to change.
        text: String,
        /// Take the pattern and the replacement as they stand. Default: false.
        literal: Option<bool>,
        /// Let upper and lower case match each other. Default: false.
        ignore_case: Option<bool>,
        /// Replace only the first so many occurrences. Default: all.
        max: Option<u32>,
    ) -> Result<Replaced, String> {
        edit::replace(&pattern, &replacement, &text, literal, ignore_case, max)
    }

    /// Compares two texts line by line.
    ///
    /// The result can be given to `patch`.
    pub fn diff(
        /// The text before.
        old: String,
        /// The text after.
        new: String,
        /// How many unchanged lines to show around a change. Default: 3.
        context: Option<u32>,
        /// The name of the old text in the diff's header. Default: `old`.
        old_name: Option<String>,
        /// The name of the new text in the diff's header. Default: `new`.
        new_name: Option<String>,
    ) -> Result<Difference, String> {
        compare::diff(&old, &new, context, old_name.as_deref(), new_name.as_deref())
    }

    /// Applies a unified diff to a text, and gives the new text.
    ///
    /// All of it applies or none: fails, naming the hunk, where the text does not have the lines that the diff expects. Hunks
    /// may apply at other line numbers than they say. A diff of several files is refused; apply one file's part at a time.
    pub fn patch(
        /// The text to change.
        text: String,
        /// A unified diff of one file.
        patch: String,
        /// Undo the diff instead. Default: false.
        reverse: Option<bool>,
    ) -> Result<String, String> {
        compare::patch(&text, &patch, reverse.unwrap_or(false))
    }

    /// Cuts a text into pieces.
    ///
    /// Fails if there would be more than `limit` pieces.
    pub fn split(
        /// The text to cut.
        text: String,
        /// Where to cut.
        by: Cut,
        /// The most pieces to accept. Default: 10000.
        limit: Option<u32>,
    ) -> Result<Vec<String>, String> {
        edit::split(&text, &by, limit)
    }

    /// Counts lines, words, characters and bytes, and the occurrences of a pattern.
    ///
    /// Fails on a bad pattern.
    pub fn count(
        /// The text to measure.
        text: String,
        /// A regular expression whose occurrences to count, matched against the whole text. Default: none.
        pattern: Option<String>,
        /// Take the pattern as it stands. Default: false.
        literal: Option<bool>,
        /// Let upper and lower case match each other. Default: false.
        ignore_case: Option<bool>,
    ) -> Result<Counts, String> {
        search::count(&text, pattern.as_deref(), literal, ignore_case)
    }

    /// Hashes a text's UTF-8 bytes, and gives the hash in lower-case hexadecimal.
    ///
    /// Fails if `text` is not in the given encoding.
    pub fn hash(
        /// The text to hash.
        text: String,
        /// The hash function. Default: `sha256`.
        algorithm: Option<Algorithm>,
        /// Hash the bytes that `text` stands for in this encoding, not `text` itself. Default: none.
        encoding: Option<Encoding>,
    ) -> Result<String, String> {
        encode::hash(&text, algorithm.unwrap_or(Algorithm::Sha256), encoding)
    }

    /// Encodes a text's UTF-8 bytes.
    pub fn encode(
        /// The text to encode.
        text: String,
        /// The encoding to write.
        encoding: Encoding,
    ) -> String {
        encode::encode(&text, encoding)
    }

    /// Decodes a text.
    ///
    /// Fails if it is not in the encoding, naming the place, or if what it stands for is not text in UTF-8.
    pub fn decode(
        /// The text to decode. White space around it is ignored.
        text: String,
        /// The encoding to read.
        encoding: Encoding,
    ) -> Result<String, String> {
        encode::decode(&text, encoding)
    }
}

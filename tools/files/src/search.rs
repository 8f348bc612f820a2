//! Lines of many files.

use crate::{
    error::cannot,
    files::{Hit, Hits},
    filter::Filter,
    lines::{self, shown},
    walk,
};
use regex::bytes::Regex;
use std::{collections::VecDeque, path::Path};

const DEFAULT_LIMIT: u32 = 100;
const MAX_CONTEXT: u32 = 20;

/// What all hits may take together: many times what a model reads, and little enough to hand over.
const MAX_BYTES: usize = 4 << 20;

pub(crate) fn search(
    pattern: &Regex,
    root: &str,
    glob: Option<&str>,
    context: Option<u32>,
    ignored: Option<bool>,
    limit: Option<u32>,
) -> Result<Hits, String> {
    let filter = Filter::new("glob", glob)?;
    let context = context.unwrap_or(0);
    if context > MAX_CONTEXT {
        return Err(format!("`context` is {context}: at most {MAX_CONTEXT}"));
    }
    let mut search = Search {
        pattern,
        context: context as usize,
        limit: limit.unwrap_or(DEFAULT_LIMIT) as usize,
        bytes: 0,
        found: Hits { hits: Vec::new(), searched: 0, skipped: 0, truncated: false },
    };
    for file in walk::files(root, ignored)? {
        let (root, path) = file?;
        if filter.wants(&root, &path) {
            search.file(&path)?;
            if search.found.truncated {
                break;
            }
        }
    }
    Ok(search.found)
}

struct Search<'a> {
    pattern: &'a Regex,
    context: usize,
    limit: usize,
    /// What the hits take so far.
    bytes: usize,
    found: Hits,
}

impl Search<'_> {
    fn file(&mut self, path: &Path) -> Result<(), String> {
        let cannot = cannot("read", path);
        let mut lines = lines::open(path).map_err(&cannot)?;
        if lines.is_binary().map_err(&cannot)? {
            self.found.skipped += 1;
            return Ok(());
        }
        self.found.searched += 1;
        let first = self.found.hits.len();
        let mut before = VecDeque::with_capacity(self.context);
        while let Some((number, line)) = lines.next().map_err(&cannot)? {
            let text = if self.context > 0 { shown(line) } else { String::new() };
            self.add_after(first, number, &text);
            if !self.found.truncated && self.pattern.is_match(line) {
                let before: Vec<String> = before.iter().cloned().collect();
                let text = shown(line);
                self.add(Hit { path: path.display().to_string(), line: number, text, before, after: Vec::new() });
            }
            if self.found.truncated && !self.needs_after(first, number) {
                return Ok(());
            }
            if self.context > 0 {
                if before.len() == self.context {
                    before.pop_front();
                }
                before.push_back(text);
            }
        }
        Ok(())
    }

    fn add(&mut self, hit: Hit) {
        let bytes = hit.path.len() + hit.text.len() + hit.before.iter().map(String::len).sum::<usize>();
        if self.found.hits.len() >= self.limit || self.bytes + bytes > MAX_BYTES {
            self.found.truncated = true;
        } else {
            self.bytes += bytes;
            self.found.hits.push(hit);
        }
    }

    /// The hits of a file, counted from its first, that a line of it comes after, within the context.
    fn waiting(&mut self, first: usize, number: u64) -> impl Iterator<Item = &mut Hit> {
        let context = self.context as u64;
        self.found.hits[first..].iter_mut().rev().take_while(move |hit| number - hit.line <= context)
    }

    fn add_after(&mut self, first: usize, number: u64, text: &str) {
        let mut bytes = 0;
        for hit in self.waiting(first, number) {
            hit.after.push(text.to_owned());
            bytes += text.len();
        }
        self.bytes += bytes;
    }

    fn needs_after(&mut self, first: usize, number: u64) -> bool {
        self.waiting(first, number + 1).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::files::{Hits, search};
    use std::fs;

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("src")).expect("made");
        let files: [(&str, &[u8]); 4] = [
            ("a.txt", b"one\ntwo\nthree\nfour\nTwo\n"),
            ("src/b.rs", b"two\r\n"),
            ("src/bin", b"two\0"),
            ("src/latin", b"two \xe9"),
        ];
        for (path, content) in files {
            fs::write(dir.path().join(path), content).expect("written");
        }
        fs::write(dir.path().join("long"), format!("{}needle{}", "x".repeat(600), "y".repeat(100_000)))
            .expect("written");
        dir
    }

    fn short(dir: &tempfile::TempDir, hits: &Hits) -> Vec<String> {
        let root = format!("{}/", dir.path().display());
        let show = |hit: &crate::files::Hit| {
            let path = hit.path.strip_prefix(&root).expect("below");
            format!("{path}:{}: {} | {} | {}", hit.line, hit.before.join(","), hit.text, hit.after.join(","))
        };
        hits.hits.iter().map(show).collect()
    }

    #[test]
    fn lines_are_found_in_order() {
        let dir = workspace();
        let check = |pattern: &str, glob: Option<&str>, flags: [bool; 2], context, limit, expected: &[&str], counts| {
            let [literal, ignore_case] = flags.map(Some);
            let root = Some(dir.path().display().to_string());
            let found = search(pattern.into(), root, glob.map(Into::into), literal, ignore_case, context, None, limit);
            let found = found.expect("found");
            assert_eq!(short(&dir, &found), expected);
            assert_eq!((found.searched, found.skipped, found.truncated), counts);
        };
        let all = ["a.txt:2:  | two | ", "src/b.rs:1:  | two | ", "src/latin:1:  | two \u{fffd} | "];
        check("two", None, [false; 2], None, None, &all, (4, 1, false));
        check(
            "^two$",
            Some("*.{txt,rs}"),
            [false, true],
            None,
            None,
            &["a.txt:2:  | two | ", "a.txt:5:  | Two | ", all[1]],
            (2, 0, false),
        );
        let close =
            ["a.txt:1:  | one | two,three", "a.txt:2: one | two | three,four", "a.txt:4: two,three | four | Two"];
        check("^(one|two|four)$", Some("*.txt"), [false; 2], Some(2), None, &close, (1, 0, false));
        // What follows the last hit is still given.
        check("o", Some("*.txt"), [false; 2], Some(1), Some(1), &["a.txt:1:  | one | two"], (1, 0, true));
        check("t.o", None, [true, false], None, None, &[], (4, 1, false));
        check("needle", None, [false; 2], None, None, &[&format!("long:1:  | {}… | ", "x".repeat(500))], (4, 1, false));
        check("y$", Some("long"), [false; 2], None, Some(0), &[], (1, 0, true));
    }

    #[test]
    fn one_file_can_be_searched() {
        let dir = workspace();
        let root = Some(dir.path().join("a.txt").display().to_string());
        let found = search("t".into(), root, None, None, None, None, None, None).expect("found");
        assert_eq!(short(&dir, &found), ["a.txt:2:  | two | ", "a.txt:3:  | three | "]);
    }

    #[test]
    fn hits_are_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a"), ("x".repeat(400) + "\n").repeat(20_000)).expect("written");
        let root = Some(dir.path().display().to_string());
        let found = search("x".into(), root, None, None, None, None, None, Some(u32::MAX)).expect("found");
        assert!(found.truncated && (8_000..11_000).contains(&found.hits.len()), "{}", found.hits.len());
    }

    #[test]
    fn bad_arguments_are_refused() {
        let dir = workspace();
        let check = |pattern: &str, glob: Option<&str>, context, expected: &str| {
            let root = Some(dir.path().display().to_string());
            let error = search(pattern.into(), root, glob.map(Into::into), None, None, context, None, None);
            let error = error.expect_err("refused");
            assert!(error.contains(expected), "{error}");
        };
        check("(", None, None, "`pattern` is not a regular expression");
        check("x", Some("["), None, "`glob` is not a glob");
        check("x", None, Some(21), "`context` is 21: at most 20");
    }
}

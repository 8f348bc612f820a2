//! Lines of files of any size, one at a time, in bounded memory.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

/// What is kept of a line; the rest is passed over.
const MAX_LINE: usize = 64 << 10;

/// A read from a mount is a call to the host, which a larger buffer makes fewer.
pub(crate) const BUFFER: usize = 64 << 10;

/// What is shown of a line.
const MAX_SHOWN: usize = 500;

/// How much of a file is looked at to tell text from other content, as git does.
const SNIFFED: usize = 8 << 10;

/// The lines of a file.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER, reader), line: Vec::new(), number: 0 }
    }

    /// Whether the file looks binary; to be asked before the first line is taken.
    pub(crate) fn is_binary(&mut self) -> io::Result<bool> {
        let start = self.reader.fill_buf()?;
        Ok(has_nul(start))
    }

    /// The next line's number, from 1, and its start, without its end.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.line.clear();
        // Room for `\r\n` after the longest line that is kept whole.
        let most = MAX_LINE as u64 + 2;
        if self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            self.line.pop_if(|last| *last == b'\r');
        } else if self.line.len() as u64 == most {
            self.reader.skip_until(b'\n')?;
        }
        self.line.truncate(MAX_LINE);
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }

    /// How many lines follow; `None` for a binary file.
    pub(crate) fn count(mut self) -> io::Result<Option<u64>> {
        if self.is_binary()? {
            return Ok(None);
        }
        let (mut ends, mut last) = (0, b'\n');
        loop {
            let chunk = self.reader.fill_buf()?;
            let Some(&end) = chunk.last() else { break };
            ends += newlines(chunk);
            last = end;
            let length = chunk.len();
            self.reader.consume(length);
        }
        Ok(Some(ends + u64::from(last != b'\n')))
    }
}

/// Opens a file for its lines.
pub(crate) fn open(path: &std::path::Path) -> io::Result<Lines<File>> {
    Ok(Lines::new(File::open(path)?))
}

/// How many lines end in these bytes.
pub(crate) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Whether a file that starts with these bytes looks binary.
pub(crate) fn has_nul(start: &[u8]) -> bool {
    start.iter().take(SNIFFED).any(|&byte| byte == 0)
}

/// A line as it is shown to the caller.
pub(crate) fn shown(line: &[u8]) -> String {
    if line.len() <= MAX_SHOWN {
        return String::from_utf8_lossy(line).into_owned();
    }
    let start = String::from_utf8_lossy(&line[..MAX_SHOWN]);
    // A character that the cut went through shows as one that is not valid.
    format!("{}…", start.trim_end_matches(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::{Lines, MAX_LINE, shown};

    #[track_caller]
    fn check(content: &[u8], expected: &[&[u8]]) {
        let mut lines = Lines::new(content);
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().expect("memory can be read") {
            found.push(line.to_vec());
            assert_eq!(number, found.len() as u64);
        }
        assert_eq!(found, expected);
        assert_eq!(Lines::new(content).count().expect("memory can be read"), Some(expected.len() as u64));
    }

    #[test]
    fn lines_are_numbered_and_bounded() {
        check(b"", &[]);
        check(b"\n", &[b""]);
        check(b"a\r\nb\n\nc", &[b"a", b"b", b"", b"c"]);
        check(b"a\rb\n", &[b"a\rb"]);
        let whole = vec![b'x'; MAX_LINE];
        for end in ["", "\n", "\r\n", "x\n", "xx", "xx\n", "xxx\r\n", &"x".repeat(MAX_LINE)] {
            let content = [whole.as_slice(), end.as_bytes()].concat();
            check(&content, &[&whole]);
        }
        let two = [whole.as_slice(), b"xxxx\nnext\n"].concat();
        check(&two, &[&whole, b"next"]);
    }

    #[test]
    fn long_lines_show_their_start() {
        assert_eq!(shown(&[b'x'; 500]), "x".repeat(500));
        assert_eq!(shown(&[b'x'; 501]), format!("{}…", "x".repeat(500)));
        let line = format!("{}{}", "x".repeat(499), "é".repeat(9));
        assert_eq!(shown(line.as_bytes()), format!("{}…", "x".repeat(499)));
        assert_eq!(shown(b"a\xff"), "a\u{fffd}");
    }

    #[test]
    fn binary_content_is_told_by_a_nul() {
        assert!(Lines::new(&b"a\0b"[..]).is_binary().expect("memory can be read"));
        assert_eq!(Lines::new(&b"a\0b\n"[..]).count().expect("memory can be read"), None);
    }
}

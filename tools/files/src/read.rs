//! Reading one file.

use crate::{
    error::cannot,
    files::{Bytes, Range, Text},
    lines, mounts,
};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

const DEFAULT_MAX: u32 = 256 << 10;
const MOST: u32 = 16 << 20;

/// The bytes that one UTF-8 character can take beyond its first.
const CONTINUATION: usize = 3;

pub(crate) fn bytes(path: &str, offset: Option<u64>, length: Option<u32>) -> Result<Bytes, String> {
    let most = bounded("length", length)?;
    let path = mounts::locate(path)?;
    let (mut file, size) = open(&path)?;
    let offset = offset.unwrap_or(0);
    let bytes = read_at(&mut file, &path, offset, most as u64)?;
    Ok(Bytes { end: offset.saturating_add(bytes.len() as u64), bytes, size })
}

pub(crate) fn text(path: &str, range: Option<Range>, max_bytes: Option<u32>) -> Result<Text, String> {
    let most = bounded("max_bytes", max_bytes)?;
    let path = mounts::locate(path)?;
    let (mut file, size) = open(&path)?;
    let start = read_at(&mut file, &path, 0, lines::BUFFER as u64)?;
    if lines::has_nul(&start) {
        return Err(format!("{} is binary, not text: read it with `read_bytes`", path.display()));
    }
    match range {
        None => by_lines(&mut file, &path, size, 1, u64::MAX, most),
        Some(Range::Lines { first, last }) => {
            let last = last.unwrap_or(u64::MAX);
            if first == 0 || last < first {
                return Err(format!(
                    "`range.lines` goes from {first} to {last}: lines count from 1, and `last` is not below `first`"
                ));
            }
            by_lines(&mut file, &path, size, first, last, most)
        }
        Some(Range::Bytes { offset, length }) => by_bytes(&mut file, &path, size, offset, length, most),
    }
}

fn by_lines(file: &mut File, path: &Path, size: u64, first: u64, last: u64, most: usize) -> Result<Text, String> {
    file.seek(SeekFrom::Start(0)).map_err(cannot("read", path))?;
    let mut kept = Vec::new();
    let mut truncated = false;
    let mut start = None;
    // Where the scan is: the number of the line, and the byte.
    let (mut line, mut at) = (1, 0);
    let mut ended = true;
    let mut buffer = vec![0; lines::BUFFER];
    loop {
        let length = file.read(&mut buffer).map_err(cannot("read", path))?;
        if length == 0 {
            break;
        }
        for piece in buffer[..length].split_inclusive(|&byte| byte == b'\n') {
            if (first..=last).contains(&line) {
                start.get_or_insert(at);
                let room = piece.len().min(most - kept.len());
                kept.extend_from_slice(&piece[..room]);
                truncated |= room < piece.len();
            }
            at += piece.len() as u64;
            ended = piece.ends_with(b"\n");
            line += u64::from(ended);
        }
    }
    let total_lines = line - u64::from(ended);
    if first > total_lines.max(1) {
        return Err(format!("{} has {total_lines} lines: `range.lines.first` is {first}", path.display()));
    }
    finish(path, kept, start.unwrap_or(0), size, truncated, Some(total_lines))
}

fn by_bytes(
    file: &mut File,
    path: &Path,
    size: u64,
    offset: u64,
    length: Option<u64>,
    most: usize,
) -> Result<Text, String> {
    if offset > size {
        return Err(format!("{} has {size} bytes: `range.bytes.offset` is {offset}", path.display()));
    }
    let wanted = length.unwrap_or(u64::MAX).min(size - offset);
    let mut kept = read_at(file, path, offset, wanted.min(most as u64))?;
    let truncated = wanted > most as u64;
    let mut start = offset;
    if offset > 0 {
        let inside = kept.iter().take(CONTINUATION).take_while(|&&byte| byte & 0xc0 == 0x80).count();
        kept.drain(..inside);
        start += inside as u64;
    }
    if !truncated && offset + wanted < size {
        let whole = whole_characters(&kept);
        kept.truncate(whole);
    }
    finish(path, kept, start, size, truncated, None)
}

fn finish(
    path: &Path,
    mut kept: Vec<u8>,
    start: u64,
    size: u64,
    truncated: bool,
    total_lines: Option<u64>,
) -> Result<Text, String> {
    if truncated {
        let whole_lines = kept.iter().rposition(|&byte| byte == b'\n').map(|newline| newline + 1);
        let whole = whole_lines.unwrap_or_else(|| whole_characters(&kept));
        kept.truncate(whole);
    }
    let end = start + kept.len() as u64;
    let text = String::from_utf8(kept).map_err(|error| {
        let at = start + error.utf8_error().valid_up_to() as u64;
        format!("{} is not text in UTF-8 (byte {at}): read it with `read_bytes`", path.display())
    })?;
    Ok(Text { text, start, end, truncated, size, total_lines })
}

/// How many of the bytes are before a character that their end cuts through.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Opens a regular file, and tells its size.
pub(crate) fn open(path: &Path) -> Result<(File, u64), String> {
    let file = File::open(path).map_err(cannot("read", path))?;
    let metadata = file.metadata().map_err(cannot("read", path))?;
    if metadata.is_dir() {
        return Err(format!("{} is a directory: use `list` or `tree`", path.display()));
    }
    Ok((file, metadata.len()))
}

fn read_at(file: &mut File, path: &Path, offset: u64, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(cannot("read", path))?;
    file.take(most).read_to_end(&mut bytes).map_err(cannot("read", path))?;
    Ok(bytes)
}

fn bounded(parameter: &str, given: Option<u32>) -> Result<usize, String> {
    match given.unwrap_or(DEFAULT_MAX) {
        given if given > MOST => Err(format!("`{parameter}` is {given}: at most {MOST}; read the file in parts")),
        given => Ok(given as usize),
    }
}

#[cfg(test)]
mod tests {
    use crate::files::{Range, Text, read, read_bytes};
    use std::fs;

    const CONTENT: &str = "één\r\ntwee\n\nlast";

    #[track_caller]
    fn check(range: Option<Range>, max_bytes: Option<u32>, expected: Result<(&str, u64, bool), &str>) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.txt");
        fs::write(&path, CONTENT).expect("written");
        let found = read(path.display().to_string(), range.clone(), max_bytes);
        match (found, expected) {
            (Ok(Text { text, start, end, truncated, size, total_lines }), Ok(expected)) => {
                assert_eq!((text.as_str(), start, truncated), expected);
                assert_eq!(end, start + text.len() as u64);
                assert_eq!(size, CONTENT.len() as u64);
                assert_eq!(total_lines, (!matches!(range, Some(Range::Bytes { .. }))).then_some(4));
            }
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    fn lines(first: u64, last: Option<u64>) -> Option<Range> {
        Some(Range::Lines { first, last })
    }

    fn bytes(offset: u64, length: Option<u64>) -> Option<Range> {
        Some(Range::Bytes { offset, length })
    }

    #[test]
    fn parts_of_a_text_are_read() {
        check(None, None, Ok((CONTENT, 0, false)));
        check(lines(2, Some(3)), None, Ok(("twee\n\n", 7, false)));
        check(lines(4, None), None, Ok(("last", 13, false)));
        check(lines(4, Some(9)), None, Ok(("last", 13, false)));
        check(bytes(7, Some(4)), None, Ok(("twee", 7, false)));
        check(bytes(1, Some(3)), None, Ok(("é", 2, false)));
        check(bytes(2, Some(1)), None, Ok(("", 2, false)));
        check(bytes(17, None), None, Ok(("", 17, false)));
    }

    #[test]
    fn what_is_cut_stays_whole_and_can_be_read_on() {
        check(None, Some(10), Ok(("één\r\n", 0, true)));
        check(None, Some(3), Ok(("é", 0, true)));
        check(None, Some(17), Ok((CONTENT, 0, false)));
        check(bytes(7, None), Some(6), Ok(("twee\n\n", 7, true)));
        check(bytes(13, None), Some(3), Ok(("las", 13, true)));
    }

    #[test]
    fn bad_ranges_are_refused() {
        check(lines(0, None), None, Err("lines count from 1"));
        check(lines(3, Some(2)), None, Err("`last` is not below `first`"));
        check(lines(5, None), None, Err("has 4 lines: `range.lines.first` is 5"));
        check(bytes(18, None), None, Err("has 17 bytes: `range.bytes.offset` is 18"));
        check(None, Some((16 << 20) + 1), Err("`max_bytes` is 16777217: at most 16777216"));
    }

    #[test]
    fn files_that_are_no_text_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let check = |name: &str, content: Option<&[u8]>, expected: &str| {
            let path = dir.path().join(name);
            if let Some(content) = content {
                fs::write(&path, content).expect("written");
            }
            let error = read(path.display().to_string(), None, None).expect_err("refused");
            assert!(error.contains(&format!("{}{expected}", path.display())), "{error}");
        };
        check("binary", Some(b"a\0b"), " is binary, not text: read it with `read_bytes`");
        check("latin1", Some(b"ab\xe9c"), " is not text in UTF-8 (byte 2): read it with `read_bytes`");
        check("missing", None, ": No such file or directory (os error 2); `list` and `glob` tell what is there");
        fs::create_dir(dir.path().join("folder")).expect("made");
        check("folder", None, " is a directory: use `list` or `tree`");
    }

    #[test]
    fn an_empty_file_has_no_lines() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("empty");
        fs::write(&path, "").expect("written");
        let found = read(path.display().to_string(), None, None).expect("read");
        assert_eq!((found.text.as_str(), found.total_lines, found.truncated), ("", Some(0), false));
    }

    #[test]
    fn bytes_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        fs::write(&path, [0, 1, 2, 255]).expect("written");
        let check = |offset, length, expected: &[u8], end| {
            let found = read_bytes(path.display().to_string(), offset, length).expect("read");
            assert_eq!((found.bytes.as_slice(), found.end, found.size), (expected, end, 4));
        };
        check(None, None, &[0, 1, 2, 255], 4);
        check(Some(1), Some(2), &[1, 2], 3);
        check(Some(9), None, &[], 9);
        let error = read_bytes(path.display().to_string(), None, Some(u32::MAX)).expect_err("too much");
        assert!(error.contains("`length` is 4294967295: at most 16777216"), "{error}");
    }
}

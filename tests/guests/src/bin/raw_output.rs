//! Prints what is no text: bytes that are not UTF-8, halves of characters, NUL, and what terminals take for commands.

use std::io::Write as _;

fn main() {
    let mut out = std::io::stdout();
    let pieces: [&[u8]; 7] = [
        b"\xff\xfe|",
        b"\xf0\x9f\xa7", // the first three bytes of a character of four
        b"|\0|",
        b"\x1b[2J\x1b]0;title\x07|",
        "\u{202e}\u{2028}\u{9b}31m|".as_bytes(),
        b"\r\n\x08\x7f|",
        b"\xc3", // half a character at the end
    ];
    for piece in pieces {
        out.write_all(piece).and_then(|()| out.flush()).expect("granted");
    }
}

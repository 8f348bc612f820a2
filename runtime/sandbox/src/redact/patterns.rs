//! What is looked for: a secret in every encoding that programs commonly give back.
//!
//! Letters match in both cases, so hexadecimal and percent-encoding need only one form here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The shortest line of a longer secret that counts as one by itself: the lines of a key in PEM do, `{` does not.
const MIN_LINE: usize = 16;

/// Wiped when it is dropped.
type Pattern = Zeroizing<Vec<u8>>;

/// The patterns of all secrets.
#[derive(Default)]
pub(super) struct Patterns(Vec<Pattern>);

impl Patterns {
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|pattern| pattern.as_slice())
    }

    /// Adds a secret as it is, without the white space around it (a file ends in a newline that no header has), and, if
    /// it is text, line by line.
    pub(super) fn add(&mut self, secret: &[u8]) {
        self.add_encoded(secret);
        let trimmed = secret.trim_ascii();
        if trimmed.len() < secret.len() {
            self.add_encoded(trimmed);
        }
        if std::str::from_utf8(trimmed).is_err() {
            return;
        }
        let lines = trimmed.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
        // `-----BEGIN PRIVATE KEY-----` is in many texts that are no secrets.
        let telling = lines.filter(|line| line.len() >= MIN_LINE && !line.starts_with(b"-----"));
        telling.filter(|line| line.len() < trimmed.len()).for_each(|line| self.add_encoded(line));
    }

    fn add_encoded(&mut self, form: &[u8]) {
        let first = self.0.len();
        let mut add = |pattern: Vec<u8>| {
            let pattern = Zeroizing::new(pattern);
            if !self.0[first..].iter().any(|known| known.eq_ignore_ascii_case(&pattern)) {
                self.0.push(pattern);
            }
        };
        add(form.to_vec());
        if std::str::from_utf8(form).is_err() {
            add(String::from_utf8_lossy(form).into_owned().into_bytes());
        }
        add(hex::encode(form).into_bytes());
        base64(form, &mut add);
        percent(form, &mut add);
        json(form, &mut add);
        html(form, &mut add);
    }
}

/// Base64 of the secret alone, and what does not depend on its neighbours where it stands among other bytes, at each of
/// the three places in a group. The characters at either end then hold up to 4 bits of it, and stay.
fn base64(form: &[u8], add: &mut impl FnMut(Vec<u8>)) {
    let mut both = |text: &str| {
        add(text.as_bytes().to_vec());
        // In a form or a query, and where JSON is written with `\/`.
        add(text.replace('+', "%2b").replace('/', "%2f").into_bytes());
        add(text.replace('/', "\\/").into_bytes());
    };
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        both(&Zeroizing::new(engine.encode(form)));
        for before in 0..3 {
            let mut group = Zeroizing::new(vec![0; before]);
            group.extend_from_slice(form);
            let text = Zeroizing::new(engine.encode(&*group));
            both(&text[(before * 8).div_ceil(6)..group.len() * 8 / 6]);
        }
    }
}

/// What percent-encoders leave as it is, besides letters and digits. Everybody has another list.
const PERCENT_KEPT: [&str; 11] = [
    "",
    // RFC 3986's unreserved characters, and with a path's slashes
    "-._~",
    "-._~/",
    // WHATWG: forms; encodeURIComponent; encodeURI
    "-._*",
    "-._~!*'()",
    "-._~!*'();/?:@&=+$,#",
    // RFC 3986: a path's segment; a query
    "-._~!$&'()*+,;=:@",
    "-._~!$&'()*+,;=:@/?",
    // WHATWG, where what looks encoded is left as it is: a path; a query; that of an http URL
    "-._~!$&'()*+,;=:@/\\[]|%",
    "-._~!$&'()*+,;=:@/?\\[]^`{|}%",
    "-._~!$&()*+,;=:@/?\\[]^`{|}%",
];

fn percent(form: &[u8], add: &mut impl FnMut(Vec<u8>)) {
    let encode = |keeps: &dyn Fn(u8) -> bool, space: &str| {
        let mut out = Vec::with_capacity(form.len() * 3);
        for byte in form {
            match byte {
                b' ' if !keeps(b' ') => out.extend_from_slice(space.as_bytes()),
                byte if keeps(*byte) => out.push(*byte),
                byte => out.extend_from_slice(format!("%{byte:02x}").as_bytes()),
            }
        }
        out
    };
    for kept in PERCENT_KEPT {
        let keeps = |byte: u8| byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte);
        add(encode(&keeps, "%20"));
        add(encode(&keeps, "+"));
    }
    add(encode(&|_| false, "%20"));
}

/// How a writer of JSON escapes what it need not.
#[derive(Clone, Copy, Default)]
struct Escapes {
    /// `/` as `\/`.
    slash: bool,
    /// `<`, `>`, `&`, as `\u00XX`, for JSON within HTML.
    html: bool,
    /// `'` and `=`, too.
    quote: bool,
    /// What is not ASCII, too.
    ascii: bool,
    /// Everything, too.
    all: bool,
}

fn json(form: &[u8], add: &mut impl FnMut(Vec<u8>)) {
    let none = Escapes::default();
    let [ascii, all] = [Escapes { ascii: true, ..none }, Escapes { all: true, ..none }];
    let Ok(text) = std::str::from_utf8(form) else {
        // Bytes that are not UTF-8 come out as the characters of the same number, if at all.
        let text = Zeroizing::new(form.iter().copied().map(char::from).collect::<String>());
        return [none, ascii, all].into_iter().for_each(|escapes| add(escape(&text, escapes).into_bytes()));
    };
    for escapes in [
        none,
        ascii,
        all,
        Escapes { slash: true, ..none },
        Escapes { slash: true, ascii: true, ..none },
        Escapes { html: true, ..none },
        Escapes { html: true, ascii: true, ..none },
        Escapes { html: true, quote: true, ..none },
    ] {
        let once = Zeroizing::new(escape(text, escapes));
        add(once.as_bytes().to_vec());
        // JSON in a string of JSON.
        add(escape(&once, none).into_bytes());
    }
}

fn escape(text: &str, escapes: Escapes) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        let short = match character {
            '"' => Some('"'),
            '\\' => Some('\\'),
            '/' if escapes.slash => Some('/'),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            _ => None,
        };
        let long = escapes.all
            || character < ' '
            || escapes.ascii && !character.is_ascii()
            || escapes.html && matches!(character, '<' | '>' | '&')
            || escapes.quote && matches!(character, '\'' | '=');
        match short {
            Some(short) if !escapes.all => out.extend(['\\', short]),
            _ if long => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(character),
        }
    }
    out
}

/// What writers of HTML and XML put in place of `"` and `'`; empty where they leave it. `&`, `<` and `>` have one form.
const HTML_QUOTES: [(&str, &str); 7] = [
    ("", ""),
    ("&quot;", ""),
    ("&quot;", "&#39;"),
    ("&quot;", "&#x27;"),
    ("&quot;", "&apos;"),
    ("&#34;", "&#39;"),
    ("&#x22;", "&#x27;"),
];

fn html(form: &[u8], add: &mut impl FnMut(Vec<u8>)) {
    let Ok(text) = std::str::from_utf8(form) else { return };
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return;
    }
    for (double, single) in HTML_QUOTES {
        for slash in ["", "&#x2f;"] {
            let mut out = String::with_capacity(text.len() * 2);
            for character in text.chars() {
                match character {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' if !double.is_empty() => out.push_str(double),
                    '\'' if !single.is_empty() => out.push_str(single),
                    '/' if !slash.is_empty() => out.push_str(slash),
                    other => out.push(other),
                }
            }
            add(out.into_bytes());
        }
    }
}

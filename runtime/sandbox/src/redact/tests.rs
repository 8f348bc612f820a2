use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::json;

const SECRET: &str = r#"p/ss"w\rd <&'é>+ =?"#;

fn redactor(secrets: &[&[u8]]) -> Redactor {
    Redactor::new(secrets.iter().map(|secret| ("s", *secret))).expect("good secrets")
}

#[track_caller]
fn check(secrets: &[&str], text: &str, expected: &str) {
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
    let redactor = redactor(&secrets);
    let masked = redactor.text(text);
    assert_eq!(masked, expected, "{text:?}");
    assert_eq!(masked.len(), text.len());
    assert_eq!(matches!(masked, Cow::Owned(_)), text != expected);
    for cut in 0..=text.len() {
        let mut stream = redactor.stream();
        let mut out = stream.push(&text.as_bytes()[..cut]).to_vec();
        out.extend(stream.push(&text.as_bytes()[cut..]));
        assert_eq!(stream.masked(), text != expected);
        out.extend(stream.finish());
        // Byte by byte, a character that is only partly a secret may be cut.
        if expected.is_ascii() {
            assert_eq!(String::from_utf8_lossy(&out), expected, "cut at {cut}");
        }
    }
}

#[test]
fn secrets_are_masked_where_they_stand() {
    check(&["hunter22"], "a hunter22 b", "a ******** b");
    check(&["hunter22"], "hunter22hunter22", "****************");
    check(&["hunter22"], "hunter2", "hunter2");
    check(&["hunter22"], "HUNTER22", "********");
    check(&["hunter22"], "é hunter22 é", "é ******** é");
    check(&["hunter22"], "", "");
    check(&["a*b*c*"], "xa*b*c*y", "x******y");
}

#[test]
fn overlapping_secrets_leave_nothing() {
    check(&["abcdef", "defghi"], "-abcdefghi-", "-*********-");
    check(&["abcdef", "abcdefghi"], "-abcdefgh-", "-******gh-");
    check(&["abcdef", "xabcdefghi"], "xabcdefgh-xabcdefghi-", "x******gh-**********-");
    check(&["aaaaaa"], "aaaaaaaaab", "*********b");
    check(&["abcabc"], "abcabcabc.abcab", "*********.abcab");
    check(&["cdefgh", "abcdefghij"], "abcdefghij", "**********");
    // A short match within, an end apart from it, then a long one around both.
    check(&["bbbbbb", "dddddd", "abbbbbbcddddddef"], "abbbbbbcddddddef", "****************");
}

#[test]
fn encodings_are_masked() {
    for encoded in [
        SECRET.to_owned(),
        STANDARD.encode(SECRET),
        URL_SAFE_NO_PAD.encode(SECRET),
        hex::encode(SECRET),
        hex::encode_upper(SECRET),
        SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        // encodeURIComponent, encodeURI, a form, Python's quote and quote_plus, a browser's query
        "p%2Fss%22w%5Crd%20%3C%26'%C3%A9%3E%2B%20%3D%3F".into(),
        "p/ss%22w%5Crd%20%3C&'%C3%A9%3E+%20=?".into(),
        "p%2Fss%22w%5Crd+%3C%26%27%C3%A9%3E%2B+%3D%3F".into(),
        "p/ss%22w%5Crd%20%3C%26%27%C3%A9%3E%2B%20%3D%3F".into(),
        "p%2fss%22w%5crd+%3c%26%27%c3%a9%3e%2b+%3d%3f".into(),
        r"p/ss%22w\rd%20%3C&'%C3%A9%3E+%20=?".into(),
        // JSON: the least, PHP, Python, Go, twice, everything
        r#"p/ss\"w\\rd <&'é>+ =?"#.into(),
        r#"p\/ss\"w\\rd <&'\u00e9>+ =?"#.into(),
        r#"p/ss\"w\\rd <&'\u00E9>+ =?"#.into(),
        r#"p/ss\"w\\rd \u003c\u0026'é\u003e+ =?"#.into(),
        r#"p/ss\"w\\rd \u003C\u0026\u0027é\u003E+ \u003D?"#.into(),
        r#"p/ss\\\"w\\\\rd <&'é>+ =?"#.into(),
        SECRET.chars().map(|character| format!("\\u{:04x}", u32::from(character))).collect(),
        // HTML and XML
        r#"p/ss"w\rd &lt;&amp;'é&gt;+ =?"#.into(),
        r"p/ss&quot;w\rd &lt;&amp;&#39;é&gt;+ =?".into(),
        r"p/ss&quot;w\rd &lt;&amp;&#x27;é&gt;+ =?".into(),
        r"p&#x2F;ss&quot;w\rd &lt;&amp;&#x27;é&gt;+ =?".into(),
        r"p/ss&quot;w\rd &lt;&amp;&apos;é&gt;+ =?".into(),
        r"p/ss&#34;w\rd &lt;&amp;&#39;é&gt;+ =?".into(),
    ] {
        let trailing = encoded.trim_end_matches('=');
        let rest = "=".repeat(encoded.len() - trailing.len());
        let mut expected = format!("[{}{rest}]", "*".repeat(trailing.len()));
        if encoded == SECRET || encoded.ends_with("=?") {
            expected = format!("[{}]", "*".repeat(encoded.len()));
        }
        check(&[SECRET], &format!("[{encoded}]"), &expected);
    }
}

#[test]
fn white_space_around_a_secret_is_not_needed_to_know_it() {
    check(&["hunter22\n"], "a hunter22 b", "a ******** b");
    check(&["\thunter22\r\n"], "a hunter22\r\n b", "a ********\r\n b");
    let pem = "-----BEGIN KEY-----\nQUJDREVGR0hJSktMTU5P\nUFFSU1RVVldYWVphYmNk\n-----END KEY-----\n";
    check(&[pem], "x QUJDREVGR0hJSktMTU5P x", "x ******************** x");
    check(&[pem], "-----BEGIN KEY-----\n", "-----BEGIN KEY-----\n");
    let escaped = pem.replace('\n', "\\n");
    check(&[pem], &format!("\"{escaped}\""), &format!("\"{}\"", "*".repeat(escaped.len())));
}

#[test]
fn json_is_masked_in_keys_texts_and_numbers() {
    let redactor = redactor(&[b"hunter22", b"12345678", b"1234567.50", b"hunter33", b"0000001"]);
    let mut value = json!({
        "hunter22": 1, "hunter33": 2, "x": [null, true, "a hunter22", 12345678, 912345678, -12345678, 1234567.5, 1234567],
        "y": {"hunter22": "aHVudGVyMjI="},
    });
    assert!(redactor.json(&mut value));
    let expected = json!({
        "********": 1, "*********": 2,
        "x": [null, true, "a ********", "********", "9********", "-********", "*********", 1234567],
        "y": {"********": "***********="},
    });
    assert_eq!(value, expected);
    let mut clean = json!({"a": [1, "hunter", {"b": 12345}]});
    let before = clean.clone();
    assert!(!redactor.json(&mut clean));
    assert_eq!(clean, before);
}

#[test]
fn a_character_is_masked_whole() {
    // The secret begins with the second byte of é and ends with the first of another.
    let redactor = redactor(&[b"\xa9secret\xc3"]);
    assert_eq!(redactor.text("aésecretéb"), "a**secret**b".replace("secret", "******"));
}

#[test]
fn nothing_is_held_back_that_cannot_be_a_secret() {
    let mut stream = redactor(&[b"hunter22"]).stream();
    assert_eq!(&stream.push(b"event: x\n\n")[..], b"event: x\n\n");
    assert_eq!(&stream.push(b"data: hunt")[..], b"data: ");
    assert_eq!(&stream.push(b"ing\n\n")[..], b"hunting\n\n");
    assert_eq!(&stream.push(b"hunter2")[..], b"");
    assert_eq!(&stream.finish()[..], b"hunter2");
}

#[test]
fn no_secrets_mask_nothing() {
    let none = redactor(&[]);
    assert!(none.is_empty() && Redactor::default().is_empty() && !redactor(&[b"hunter22"]).is_empty());
    assert_eq!(none.text("hunter22"), "hunter22");
    assert!(!none.mask(&mut b"hunter22".to_vec()) && !none.json(&mut json!("hunter22")));
    let mut stream = none.stream();
    assert_eq!(&stream.push(b"hunter22")[..], b"hunter22");
    assert!(stream.finish().is_empty());
}

#[test]
fn secrets_that_cannot_be_looked_for_are_refused() {
    let check = |secret: &[u8], expected: Option<&str>| {
        let error = Redactor::new([("key", secret)]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref().map(|error| &error[..expected.map_or(0, str::len)]), expected);
    };
    check(b"123456", None);
    check(b"12345", Some("secret `key` has fewer than 6 bytes"));
    check(b" \t 12345\n", Some("secret `key` has fewer than 6 bytes"));
    check(b"", Some("secret `key` has fewer than 6 bytes"));
    check(&[b'a'; MAX_SECRET], None);
    check(&[b'a'; MAX_SECRET + 1], Some("secret `key` has 8193 bytes, and 8192 is the most"));
}

#[test]
fn nothing_is_shown_for_debugging() {
    let redactor = redactor(&[b"hunter22"]);
    let mut stream = redactor.stream();
    stream.push(b"hunter2");
    assert_eq!(format!("{redactor:?} {stream:?}"), "Redactor { secrets: 1, .. } Stream { held: 7, .. }");
}

/// Random secrets in random surroundings: nothing of any encoding survives, and no way to cut the input changes that.
#[test]
fn no_encoding_survives_any_cut() {
    let mut rng = StdRng::seed_from_u64(20_261_123);
    for _ in 0..400 {
        let secret = random_secret(&mut rng);
        let redactor = redactor(&[&secret]);
        let (before, after) = (random_bytes(&mut rng, 9), random_bytes(&mut rng, 9));
        for (encoded, part) in encodings(&secret, &before, &after) {
            let mut whole = [&before[..], &encoded, &after].concat();
            let cuts: Vec<usize> = (0..rng.random_range(0..6)).map(|_| rng.random_range(0..=whole.len())).collect();
            let streamed = in_parts(&redactor, &whole, cuts);
            assert!(redactor.mask(&mut whole), "{secret:02x?} in {encoded:02x?}");
            assert_eq!(streamed, whole, "{secret:02x?} in {encoded:02x?}");
            let masked = &whole[before.len() + part.start..before.len() + part.end];
            assert!(masked.iter().all(|byte| *byte == MASK), "{secret:02x?} in {}", String::from_utf8_lossy(&whole));
        }
    }
}

fn in_parts(redactor: &Redactor, whole: &[u8], mut cuts: Vec<usize>) -> Vec<u8> {
    cuts.extend([0, whole.len()]);
    cuts.sort_unstable();
    let mut stream = redactor.stream();
    let mut out = Vec::new();
    for cut in cuts.windows(2) {
        out.extend(stream.push(&whole[cut[0]..cut[1]]));
    }
    out.extend(stream.finish());
    out
}

/// What other code makes of the secret, and which part of it must be masked.
fn encodings(secret: &[u8], before: &[u8], after: &[u8]) -> Vec<(Vec<u8>, std::ops::Range<usize>)> {
    let mut texts = vec![hex::encode(secret), hex::encode_upper(secret)];
    texts.push(url::form_urlencoded::byte_serialize(secret).collect());
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::to_string(text).expect("a string");
        texts.push(quoted[1..quoted.len() - 1].to_owned());
        let twice = serde_json::to_string(&quoted[1..quoted.len() - 1]).expect("a string");
        texts.push(twice[1..twice.len() - 1].to_owned());
        let mut url = url::Url::parse("http://h/").expect("a URL");
        url.set_query(Some(text));
        texts.push(url.query().unwrap_or_default().to_owned());
    }
    let mut all: Vec<_> = texts.into_iter().map(|text| (text.clone().into_bytes(), 0..text.len())).collect();
    all.push((secret.to_vec(), 0..secret.len()));
    let among = [before, secret, after].concat();
    let bits = before.len() * 8..(before.len() + secret.len()) * 8;
    for engine in [STANDARD.encode(&among), URL_SAFE_NO_PAD.encode(&among)] {
        all.push((engine.into_bytes(), bits.start.div_ceil(6)..bits.end / 6));
    }
    all
}

fn random_secret(rng: &mut StdRng) -> Vec<u8> {
    let len = rng.random_range(MIN_SECRET..40);
    let mut secret: Vec<u8> = match rng.random_range(0..4) {
        0 => (0..len).map(|_| rng.random_range(b'!'..=b'~')).collect(),
        1 => (0..len).map(|_| rng.random_range(b'a'..=b'b')).collect(),
        2 => (0..len).map(|_| rng.random_range('\u{a0}'..'\u{20000}')).collect::<String>().into_bytes(),
        _ => random_bytes(rng, len),
    };
    // The ends are no white space, so that all of it must be masked in every encoding.
    secret.insert(0, b'<');
    secret.resize(secret.len().max(MIN_SECRET), b'"');
    secret.push(b'/');
    secret
}

fn random_bytes(rng: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=most)];
    rng.fill_bytes(&mut bytes);
    bytes
}

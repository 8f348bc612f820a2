//! Bytes as text, and hashes of them.

use crate::text::{Algorithm, Encoding};
use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256, Sha512};

const EITHER: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, EITHER);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, EITHER.with_encode_padding(false));

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) fn hash(text: &str, algorithm: Algorithm, encoding: Option<Encoding>) -> Result<String, String> {
    let decoded;
    let bytes = match encoding {
        None => text.as_bytes(),
        Some(encoding) => {
            decoded = bytes_of(text, encoding)?;
            &decoded
        }
    };
    Ok(match algorithm {
        Algorithm::Sha256 => hex::encode(Sha256::digest(bytes)),
        Algorithm::Sha512 => hex::encode(Sha512::digest(bytes)),
        Algorithm::Crc32 => format!("{:08x}", crc32fast::hash(bytes)),
    })
}

pub(crate) fn encode(text: &str, encoding: Encoding) -> String {
    match encoding {
        Encoding::Base64 => BASE64.encode(text),
        Encoding::Base64url => BASE64URL.encode(text),
        Encoding::Hex => hex::encode(text),
        Encoding::Percent => utf8_percent_encode(text, RESERVED).to_string(),
    }
}

pub(crate) fn decode(text: &str, encoding: Encoding) -> Result<String, String> {
    String::from_utf8(bytes_of(text, encoding)?).map_err(|error| {
        let (valid, all) = (error.utf8_error().valid_up_to(), error.as_bytes().len());
        format!(
            "`text` stands for {all} bytes that are not UTF-8 from byte {valid} on: only encoded text can be decoded"
        )
    })
}

fn bytes_of(text: &str, encoding: Encoding) -> Result<Vec<u8>, String> {
    let text = text.trim();
    let (name, error) = match encoding {
        Encoding::Base64 => match BASE64.decode(text) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => ("base64", error.to_string()),
        },
        Encoding::Base64url => match BASE64URL.decode(text) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => ("base64url", error.to_string()),
        },
        Encoding::Hex => match hex::decode(text) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => ("hex", error.to_string()),
        },
        Encoding::Percent => match stray_percent(text) {
            None => return Ok(percent_decode_str(text).collect()),
            Some(at) => ("percent", format!("`%` without two hexadecimal digits at byte {at}")),
        },
    };
    Err(format!("`text` is not in the encoding `{name}`: {error}"))
}

/// The crate takes a stray `%` as itself; here it is a mistake to be told of.
fn stray_percent(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    text.match_indices('%').map(|(at, _)| at).find(|at| !is_digit(at + 1) || !is_digit(at + 2))
}

#[cfg(test)]
mod tests {
    use crate::text::{Algorithm, Encoding, decode, encode, hash};

    #[track_caller]
    fn check(text: &str, encoding: Encoding, expected: &str) {
        assert_eq!(encode(text.into(), encoding), expected);
        assert_eq!(decode(expected.into(), encoding).as_deref(), Ok(text));
    }

    #[test]
    fn what_is_encoded_decodes() {
        check("", Encoding::Base64, "");
        check("é?~", Encoding::Base64, "w6k/fg==");
        check("é?~", Encoding::Base64url, "w6k_fg");
        check("é?", Encoding::Hex, "c3a93f");
        check("a b/é~-._", Encoding::Percent, "a%20b%2F%C3%A9~-._");
        assert_eq!(decode(" w6k/fg\n".into(), Encoding::Base64).as_deref(), Ok("é?~"));
        assert_eq!(decode("w6k_fg==".into(), Encoding::Base64url).as_deref(), Ok("é?~"));
        assert_eq!(decode("C3A93F".into(), Encoding::Hex).as_deref(), Ok("é?"));
        assert_eq!(decode("a+b".into(), Encoding::Percent).as_deref(), Ok("a+b"));
    }

    #[track_caller]
    fn check_refused(text: &str, encoding: Encoding, expected: &str) {
        let error = decode(text.into(), encoding).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_not_encoded_is_refused() {
        check_refused("w6k_", Encoding::Base64, "encoding `base64`");
        check_refused("w6k/", Encoding::Base64url, "encoding `base64url`");
        check_refused("abc", Encoding::Hex, "encoding `hex`");
        check_refused("%4", Encoding::Percent, "at byte 0");
        check_refused("a%20%zz", Encoding::Percent, "at byte 4");
        check_refused("61ff", Encoding::Hex, "2 bytes that are not UTF-8 from byte 1 on");
    }

    #[track_caller]
    fn check_hash(text: &str, algorithm: Algorithm, encoding: Option<Encoding>, expected: &str) {
        let hash = hash(text.into(), Some(algorithm), encoding).expect("a good encoding");
        assert!(hash.starts_with(expected), "{hash}");
    }

    #[test]
    fn hashes_are_the_known_ones() {
        check_hash("abc", Algorithm::Sha256, None, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check_hash("616263", Algorithm::Sha256, Some(Encoding::Hex), "ba7816bf8f01cfea");
        check_hash("abc", Algorithm::Sha512, None, "ddaf35a193617abacc417349ae204131");
        check_hash("123456789", Algorithm::Crc32, None, "cbf43926");
        check_hash("", Algorithm::Crc32, None, "00000000");
        let error = hash("xyz".into(), None, Some(Encoding::Hex)).expect_err("no hex");
        assert!(error.contains("encoding `hex`"), "{error}");
    }
}

//! Arguments as policies see them: a text for every place in them.

use serde_json::Value;
use std::{borrow::Cow, fmt::Write as _};

/// How many arguments policy looks at in one call. Beyond it the call is denied, never judged by a part of them.
pub(super) const MAX_TAGS: usize = 4096;
/// How many bytes of arguments policy looks at in one call: comparing them costs time before anything is metered.
pub(super) const MAX_BYTES: usize = 256 << 10;

/// More arguments than policy looks at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the arguments that policies look at are more than {MAX_TAGS} values or {MAX_BYTES} bytes")]
pub(super) struct TooMuch;

/// Where a value stands in the arguments, such as `edits[0].old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '[', ']', '"'])
}

fn push_key(tag: &mut String, key: &str) {
    if !is_plain(key) {
        let _ = write!(tag, "[{}]", Value::from(key));
    } else {
        if !tag.is_empty() {
            tag.push('.');
        }
        tag.push_str(key);
    }
}

fn push_index(tag: &mut String, index: usize) {
    let _ = write!(tag, "[{index}]");
}

impl Path {
    /// Reads a tag; `None` where no argument could have it.
    pub(super) fn parse(tag: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = tag;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let mut values = serde_json::Deserializer::from_str(inner).into_iter::<Value>();
                let part = match values.next()?.ok()? {
                    Value::String(key) => Part::Key(key),
                    Value::Number(number) => Part::Index(usize::try_from(number.as_u64()?).ok()?),
                    _ => return None,
                };
                rest = inner[values.byte_offset()..].strip_prefix(']')?;
                parts.push(part);
            } else {
                let name = if parts.is_empty() { rest } else { rest.strip_prefix('.')? };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                parts.push(Part::Key(name[..end].to_owned()));
                rest = &name[end..];
            }
        }
        // One spelling for each place, or a policy could name a tag that is never written that way.
        let path = Self(parts);
        (!path.0.is_empty() && path.tag() == tag).then_some(path)
    }

    fn tag(&self) -> String {
        self.0.iter().fold(String::new(), |mut tag, part| {
            match part {
                Part::Key(key) => push_key(&mut tag, key),
                Part::Index(index) => push_index(&mut tag, *index),
            }
            tag
        })
    }

    /// The value that stands there; null is nothing.
    pub(super) fn find<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        let found = self.0.iter().try_fold(arguments, |value, part| match part {
            Part::Key(key) => value.as_object()?.get(key),
            Part::Index(index) => value.as_array()?.get(*index),
        })?;
        (!found.is_null()).then_some(found)
    }
}

/// A value's text. What a tool cannot tell apart reads the same: `5.0` is `5`.
fn text(value: &Value) -> Cow<'_, str> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
                Cow::Owned((float as i64).to_string())
            }
            _ => Cow::Owned(number.to_string()),
        },
        other => Cow::Owned(other.to_string()),
    }
}

/// The tags of a call's arguments with their texts, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Tags<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Tags<'a> {
    /// The tags that are named.
    pub(super) fn named(wanted: &'a [(String, Path)], arguments: &'a Value) -> Result<Self, TooMuch> {
        let mut found = Self::default();
        let mut left = MAX_BYTES;
        for (tag, path) in wanted {
            if let Some(value) = path.find(arguments) {
                found.push(Cow::Borrowed(tag), value, &mut left)?;
            }
        }
        Ok(found)
    }

    /// Every tag there is.
    pub(super) fn all(arguments: &'a Value) -> Result<Self, TooMuch> {
        let mut found = Self::default();
        found.descend(&mut String::new(), arguments, &mut MAX_BYTES.clone())?;
        Ok(found)
    }

    fn descend(&mut self, tag: &mut String, value: &'a Value, left: &mut usize) -> Result<(), TooMuch> {
        if value.is_null() {
            return Ok(());
        }
        if !tag.is_empty() {
            self.push(Cow::Owned(tag.clone()), value, left)?;
        }
        let length = tag.len();
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    push_index(tag, index);
                    self.descend(tag, item, left)?;
                    tag.truncate(length);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    push_key(tag, key);
                    self.descend(tag, field, left)?;
                    tag.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn push(&mut self, tag: Cow<'a, str>, value: &'a Value, left: &mut usize) -> Result<(), TooMuch> {
        let text = text(value);
        *left = left.checked_sub(tag.len() + text.len()).ok_or(TooMuch)?;
        if self.0.len() == MAX_TAGS {
            return Err(TooMuch);
        }
        self.0.push((tag, text));
        Ok(())
    }

    pub(super) fn into_owned(self) -> Tags<'static> {
        let own = |(tag, text): (Cow<'_, str>, Cow<'_, str>)| (tag.into_owned().into(), text.into_owned().into());
        Tags(self.0.into_iter().map(own).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_tag_is_found_by_its_own_name() {
        let arguments = json!({
            "path": "docs/a", "none": null, "edits": [{"old": "x", "new": ""}, null], "on": true,
            "odd.key": 5.0, "[0]": -0.0, "q\"uote": 1e300, "": [[2.5]], "big": u64::MAX,
        });
        let tags = Tags::all(&arguments).expect("few");
        let listed: Vec<_> = tags.0.iter().map(|(tag, text)| format!("{tag} = {text}")).collect();
        assert_eq!(
            listed,
            [
                "path = docs/a",
                r#"edits = [{"old":"x","new":""},null]"#,
                r#"edits[0] = {"old":"x","new":""}"#,
                "edits[0].old = x",
                "edits[0].new = ",
                "on = true",
                r#"["odd.key"] = 5"#,
                r#"["[0]"] = 0"#,
                r#"["q\"uote"] = 1e+300"#,
                r#"[""] = [[2.5]]"#,
                r#"[""][0] = [2.5]"#,
                r#"[""][0][0] = 2.5"#,
                "big = 18446744073709551615",
            ]
        );
        for (tag, text) in &tags.0 {
            let wanted = [(tag.to_string(), Path::parse(tag).expect("a tag that was written"))];
            let found = Tags::named(&wanted, &arguments).expect("few");
            assert_eq!(found.0, [(tag.clone(), text.clone())]);
        }
    }

    #[test]
    fn only_one_spelling_of_a_place_is_a_tag() {
        for tag in
            ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[01]", "a[-1]", "a[0", "[\"a\"]", "a[ 0]", "a[0]b", "a\"b"]
        {
            assert_eq!(Path::parse(tag), None, "{tag}");
        }
    }

    #[test]
    fn both_sides_of_the_bounds() {
        let check = |arguments: Value, fits: bool| {
            assert_eq!(Tags::all(&arguments).is_ok(), fits);
        };
        // A tag `a` and its text.
        check(json!({"a": "x".repeat(MAX_BYTES - 1)}), true);
        check(json!({"a": "x".repeat(MAX_BYTES)}), false);
        let fields = |count: usize| Value::Object((0..count).map(|key| (key.to_string(), json!(1))).collect());
        check(fields(MAX_TAGS), true);
        check(fields(MAX_TAGS + 1), false);
    }
}

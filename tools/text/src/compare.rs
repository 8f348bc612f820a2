//! Differences between texts.

use crate::text::Difference;
use diffy::Patch;
use similar::{ChangeTag, TextDiff};

const DEFAULT_CONTEXT: u32 = 3;

pub(crate) fn diff(
    old: &str,
    new: &str,
    context: Option<u32>,
    old_name: Option<&str>,
    new_name: Option<&str>,
) -> Result<Difference, String> {
    let old_name = header_name("old_name", old_name.unwrap_or("old"))?;
    let new_name = header_name("new_name", new_name.unwrap_or("new"))?;
    let diff = TextDiff::from_lines(old, new);
    let mut difference = Difference { unified: String::new(), added: 0, removed: 0 };
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Insert => difference.added += 1,
            ChangeTag::Delete => difference.removed += 1,
        }
    }
    if difference.added + difference.removed > 0 {
        let context = context.unwrap_or(DEFAULT_CONTEXT) as usize;
        difference.unified = diff.unified_diff().context_radius(context).header(old_name, new_name).to_string();
    }
    Ok(difference)
}

/// A line end in a name would let it forge the rest of the diff.
fn header_name<'a>(parameter: &str, name: &'a str) -> Result<&'a str, String> {
    if name.contains(['\n', '\r']) {
        return Err(format!("`{parameter}` has a line end: give a name of one line"));
    }
    Ok(name)
}

pub(crate) fn patch(text: &str, patch: &str, reverse: bool) -> Result<String, String> {
    let parsed = Patch::from_str(patch).map_err(|error| {
        format!("`patch` is not a unified diff of one file ({error}): it has `--- ` and `+++ ` lines, then hunks that start with `@@ -1,3 +1,4 @@`")
    })?;
    if parsed.hunks().is_empty() {
        return Err("`patch` has no hunk: a unified diff has parts that start with `@@ -1,3 +1,4 @@`".to_owned());
    }
    let parsed = if reverse { parsed.reverse() } else { parsed };
    diffy::apply(text, &parsed).map_err(|error| {
        format!("the text is not what `patch` expects ({error}), and nothing was changed: compare its context lines with the text")
    })
}

#[cfg(test)]
mod tests {
    use crate::text::{diff, patch};

    const OLD: &str = "a\nb\nc\nd\ne\nf\n";
    const NEW: &str = "a\nb\nC\nd\ne\nf\ng";

    #[test]
    fn diff_is_unified() {
        let found = diff(OLD.into(), NEW.into(), Some(1), None, Some("b/x".into())).expect("good names");
        let expected =
            "--- old\n+++ b/x\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n@@ -6 +6,2 @@\n f\n+g\n\\ No newline at end of file\n";
        assert_eq!((found.unified.as_str(), found.added, found.removed), (expected, 2, 1));
        let same = diff(OLD.into(), OLD.into(), None, None, None).expect("good names");
        assert_eq!((same.unified.as_str(), same.added, same.removed), ("", 0, 0));
        let error = diff(OLD.into(), NEW.into(), None, Some("a\n+++ b".into()), None).expect_err("two lines");
        assert!(error.contains("`old_name` has a line end"), "{error}");
    }

    #[track_caller]
    fn check_round_trip(old: &str, new: &str) {
        for context in [0, 1, 3] {
            let found = diff(old.into(), new.into(), Some(context), None, None).expect("good names").unified;
            assert_eq!(patch(old.into(), found.clone(), None).as_deref(), Ok(new), "{context}:\n{found}");
            assert_eq!(patch(new.into(), found.clone(), Some(true)).as_deref(), Ok(old), "{context}:\n{found}");
        }
    }

    #[test]
    fn patch_applies_what_diff_found() {
        check_round_trip(OLD, NEW);
        check_round_trip("", "a\n");
        check_round_trip("a", "");
        check_round_trip("a\nb", "b\na\n");
        check_round_trip("één\r\ntwee\r\n", "één\r\n2\r\n");
    }

    #[track_caller]
    fn check_refused(patched: &str, expected: &str) {
        let error = patch("x\n".into(), patched.into(), None).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn patch_refuses() {
        check_refused("", "`patch`");
        check_refused("hello", "`patch`");
        check_refused("--- a\n+++ b\n@@ -1 +1 @@\n-y\n+z\n", "hunk #1");
        check_refused("--- a\n+++ b\n@@ -1 +1,9 @@\n-x\n+z\n", "not a unified diff");
        let two = "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n--- c\n+++ d\n@@ -1 +1 @@\n-y\n+z\n";
        check_refused(two, "one file");
    }
}

//! Rules for paths within a mount, by patterns that hold for the place where a file really is.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

/// Patterns of a mount's paths, relative to its root: `.git/**`, `**/.env`, `vendor/*.lock`.
///
/// `*` stops at a slash, `**` does not. A pattern covers everything below what it matches, and one that ends in `/**`
/// what stands before that, too. Letters match in both cases: on some file systems they are the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PathPatterns {
    /// What no call sees: it cannot be opened, looked at, listed, made, moved or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// What calls can read, and not change in any way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_only: Vec<String>,
}

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`: pattern `{pattern}`: {why}")]
pub struct PatternRefused {
    /// `deny` or `read-only`.
    pub key: &'static str,
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it, and what was expected.
    pub why: String,
}

/// What the rules say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Free,
    ReadOnly,
    Denied,
}

/// Patterns that were read.
#[derive(Debug)]
pub(crate) struct PathRules {
    deny: GlobSet,
    read_only: GlobSet,
}

impl PathPatterns {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.deny.is_empty() && self.read_only.is_empty()
    }

    /// Reads them.
    pub(crate) fn rules(&self) -> Result<PathRules, PatternRefused> {
        Ok(PathRules { deny: set("deny", &self.deny)?, read_only: set("read-only", &self.read_only)? })
    }
}

fn set(key: &'static str, patterns: &[String]) -> Result<GlobSet, PatternRefused> {
    let mut builder = GlobSetBuilder::new();
    let refuse = |pattern: &str, why: &str| PatternRefused { key, pattern: pattern.to_owned(), why: why.to_owned() };
    for pattern in patterns {
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        let trimmed = pattern.strip_suffix('/').unwrap_or(pattern);
        if !trimmed.split('/').all(plain) || pattern.contains('\0') {
            return Err(refuse(pattern, "expected a path relative to the mount, without `.`, `..` and `//`"));
        }
        // What it matches, and for `x/**` also `x`.
        for text in [Some(trimmed), trimmed.strip_suffix("/**")].into_iter().flatten() {
            let glob = GlobBuilder::new(text).literal_separator(true).case_insensitive(true).build();
            builder.add(glob.map_err(|error| refuse(pattern, &error.kind().to_string()))?);
        }
    }
    builder.build().map_err(|error| refuse(&patterns.join(", "), &error.kind().to_string()))
}

impl PathRules {
    /// What holds for a path, relative to the mount's root and without links: the strictest of what holds for it and for
    /// every directory that it is in.
    pub(crate) fn of(&self, path: &str) -> Rule {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut rule = Rule::Free;
        for part in ends.map(|end| &path[..end]).filter(|part| !part.is_empty()) {
            if self.deny.is_match(part) {
                return Rule::Denied;
            }
            if self.read_only.is_match(part) {
                rule = Rule::ReadOnly;
            }
        }
        rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_say() {
        let patterns = PathPatterns {
            deny: [".git/**", "**/.env", "private", "a/b/*.key"].map(str::to_owned).to_vec(),
            read_only: ["vendor/**", "*.lock"].map(str::to_owned).to_vec(),
        };
        let rules = patterns.rules().expect("valid");
        let check = |path: &str, expected: Rule| assert_eq!(rules.of(path), expected, "{path}");
        for path in [".git", ".git/config", ".GIT/config", ".env", "x/.env", "x/y/.Env", "x/.env/deeper", "private/a"] {
            check(path, Rule::Denied);
        }
        check("a/b/x.key", Rule::Denied);
        for path in ["", "a", "git", "x/.git", ".environment", "private2", "a/b/c/x.key", "x/vendor/y", "sub/a.lock"] {
            check(path, Rule::Free);
        }
        for path in ["vendor", "vendor/a/b", "Cargo.lock"] {
            check(path, Rule::ReadOnly);
        }
        check("vendor/.env", Rule::Denied);
        for bad in ["", "/etc", "../x", "a/../b", "./a", "a//b", "[", "{a"] {
            let patterns = PathPatterns { deny: vec![bad.to_owned()], read_only: vec![] };
            assert!(patterns.rules().is_err(), "{bad}");
        }
    }
}

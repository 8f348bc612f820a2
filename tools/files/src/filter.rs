//! Globs as callers give them.

use globset::{GlobBuilder, GlobMatcher};
use std::path::Path;

/// Longer globs than anyone writes by hand, which compile to large automata.
const MAX_GLOB: usize = 1000;

/// Which files of a walk are wanted.
pub(crate) struct Filter {
    glob: Option<GlobMatcher>,
    /// Whether the glob is matched against the name alone.
    name_only: bool,
}

impl Filter {
    /// `parameter` is what an error calls the glob.
    pub(crate) fn new(parameter: &str, glob: Option<&str>) -> Result<Self, String> {
        let Some(glob) = glob else { return Ok(Self { glob: None, name_only: false }) };
        if glob.len() > MAX_GLOB {
            return Err(format!("`{parameter}` has {} bytes: at most {MAX_GLOB}", glob.len()));
        }
        let glob = glob.strip_prefix("./").unwrap_or(glob);
        let compiled = GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .map_err(|error| format!("`{parameter}` is not a glob: {error}"))?;
        Ok(Self { glob: Some(compiled.compile_matcher()), name_only: !glob.contains('/') })
    }

    /// Whether a file below a root is wanted; a root that is a file itself always is.
    pub(crate) fn wants(&self, root: &Path, path: &Path) -> bool {
        let Some(glob) = &self.glob else { return true };
        let relative = path.strip_prefix(root).unwrap_or(path);
        if relative.as_os_str().is_empty() {
            return true;
        }
        glob.is_match(if self.name_only { Path::new(relative.file_name().unwrap_or_default()) } else { relative })
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use std::path::Path;

    #[track_caller]
    fn check(glob: &str, path: &str, expected: bool) {
        let filter = Filter::new("glob", Some(glob)).expect("a glob");
        assert_eq!(filter.wants(Path::new("/w"), Path::new(path)), expected);
    }

    #[test]
    fn globs_match_names_or_paths() {
        check("*.rs", "/w/a.rs", true);
        check("*.rs", "/w/src/a.rs", true);
        check("./*.rs", "/w/src/a.rs", true);
        check("src/*.rs", "/w/src/a.rs", true);
        check("src/*.rs", "/w/src/b/a.rs", false);
        check("src/**/*.rs", "/w/src/b/a.rs", true);
        check("**/*.{rs,md}", "/w/a.md", true);
        check("[ab].?s", "/w/x/b.rs", true);
        check("w", "/w", true);
    }

    #[track_caller]
    fn check_refused(glob: &str, expected: &str) {
        let error = Filter::new("glob", Some(glob)).err().expect("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn bad_globs_are_refused() {
        check_refused("[", "`glob` is not a glob");
        check_refused(&"*".repeat(1001), "`glob` has 1001 bytes: at most 1000");
    }
}

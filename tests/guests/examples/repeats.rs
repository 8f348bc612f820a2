//! Functions that can run again, that cannot, and one that says that it changes nothing.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Leaves traces of every run.
#[gloveport::tools(package = "guests:repeats", needs(fs = "read-write"))]
pub mod repeats {
    use std::{fs, io::Write as _};

    fn trace(path: &str, line: &str) -> Result<usize, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut file = fs::File::options().append(true).create(true).open(path).map_err(told)?;
        writeln!(file, "{line}").map_err(told)?;
        Ok(fs::read_to_string(path).map_err(told)?.lines().count())
    }

    /// Fails as often as it is told to, by the traces of its runs.
    #[tool(idempotent)]
    pub fn flaky(
        /// Where it leaves its traces.
        path: String,
        /// How often it fails.
        fails: u32,
    ) -> Result<u32, String> {
        let runs = u32::try_from(trace(&path, "run")?).map_err(|error| error.to_string())?;
        if runs > fails { Ok(runs) } else { Err(format!("run {runs} fails")) }
    }

    /// The same for calls that are told apart by a key.
    #[tool(key = "key")]
    pub fn keyed(
        /// Where it leaves its traces.
        path: String,
        /// What makes two calls the same.
        key: Option<String>,
        /// How often it fails.
        fails: u32,
    ) -> Result<String, String> {
        let key = key.unwrap_or_default();
        let runs = trace(&path, &key)?;
        if runs > fails as usize { Ok(key) } else { Err(format!("run {runs} fails")) }
    }

    /// Leaves a trace, and must not run again.
    pub fn once(
        /// Where it leaves its trace.
        path: String,
        /// What it leaves.
        line: String,
    ) -> Result<u32, String> {
        trace(&path, &line).map(|lines| lines as u32)
    }

    /// Says that it changes nothing, and tries to.
    #[tool(pure)]
    pub fn sneaky(
        /// Where it leaves its trace.
        path: String,
    ) -> Result<String, String> {
        trace(&path, "was here").map(|_| "wrote".into())
    }
}

//! Builds tool packages from a build script, so that a plain `cargo build` of whatever embeds or tests them is enough.
//!
//! ```no_run
//! // build.rs
//! # fn main() -> Result<(), gloveport_build::BuildError> {
//! let wasm = gloveport_build::Build::new().packages(["files", "text"]).run()?;
//! println!("cargo:rustc-env=FILES_WASM={}", wasm.join("files.wasm").display());
//! # Ok(())
//! # }
//! ```
#![allow(clippy::disallowed_methods, reason = "a build script's job: environment, processes, paths")]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// The target that packages are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// One run of cargo for the wasm target, in a target folder of its own: a build script holds the lock of the other.
#[derive(Debug, Default)]
pub struct Build {
    packages: Vec<String>,
    arguments: Vec<String>,
    watched: Vec<PathBuf>,
}

/// Why a build failed, in a form for `main` of a build script.
#[derive(Debug)]
pub enum BuildError {
    /// Not called from a build script.
    Environment(&'static str),
    /// Cargo did not start.
    Start(std::io::Error),
    /// The compiler has no standard library for the target.
    NoTarget,
    /// Cargo failed; what it said is above.
    Failed,
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "{name} is not set: this is for build scripts"),
            Self::Start(error) => write!(f, "cargo did not start: {error}"),
            Self::NoTarget => write!(
                f,
                "the target {TARGET} is not installed; run `rustup target add {TARGET}`, or `cargo xtask target` in gloveport's own checkout"
            ),
            Self::Failed => write!(f, "cargo could not build for {TARGET}; its messages are above"),
        }
    }
}

impl std::error::Error for BuildError {}

impl Build {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The packages of the workspace to build.
    #[must_use]
    pub fn packages<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.packages.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// A further argument for `cargo build`, such as `--examples`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// A file or folder, relative to the build script's package, whose change asks for another build.
    #[must_use]
    pub fn watch(mut self, path: impl AsRef<Path>) -> Self {
        self.watched.push(path.as_ref().to_owned());
        self
    }

    /// Builds, and gives the folder of the components.
    ///
    /// # Errors
    /// When there is no target, or the build fails; cargo's own messages go to the build script's standard error.
    pub fn run(self) -> Result<PathBuf, BuildError> {
        for path in &self.watched {
            println!("cargo:rerun-if-changed={}", path.display());
        }
        let variable = |name| env::var_os(name).ok_or(BuildError::Environment(name));
        let out = PathBuf::from(variable("OUT_DIR")?);
        // …/target/debug/build/PACKAGE-HASH/out
        let target_dir = out.ancestors().nth(4).ok_or(BuildError::Environment("OUT_DIR"))?.join("wasm");
        let mut cargo = Command::new(variable("CARGO")?);
        cargo.args(["build", "--locked", "--profile", "tool", "--target", TARGET, "--target-dir"]).arg(&target_dir);
        cargo.args(self.packages.iter().flat_map(|name| ["--package", name]));
        cargo.args(&self.arguments);
        // What the outer cargo decided for the host, or for clippy, is not for this build.
        for name in env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            let of_cargo = name.starts_with("CARGO_") && !matches!(name.as_str(), "CARGO_HOME" | "CARGO_NET_OFFLINE");
            if of_cargo && !name.starts_with("CARGO_REGISTRIES") && !name.starts_with("CARGO_HTTP")
                || matches!(
                    name.as_str(),
                    "RUSTFLAGS" | "RUSTC_WRAPPER" | "RUSTC_WORKSPACE_WRAPPER" | "RUSTC" | "TARGET" | "HOST"
                )
            {
                cargo.env_remove(name);
            }
        }
        let output = cargo.output().map_err(BuildError::Start)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            eprintln!("{text}");
            let missing = text.contains("E0463") && text.contains("can't find crate for `std`")
                || text.contains("can't find crate for `core`");
            return Err(if missing { BuildError::NoTarget } else { BuildError::Failed });
        }
        Ok(target_dir.join(TARGET).join("tool"))
    }
}

/// Ends a build script's `main` with an error that cargo shows.
pub fn report(error: &BuildError) -> ExitCode {
    println!("cargo::error={error}");
    ExitCode::FAILURE
}

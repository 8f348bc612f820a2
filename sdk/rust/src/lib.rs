#![doc = include_str!("../README.md")]
#![expect(clippy::needless_doctest_main, reason = "without it, the module would stand inside a function")]

/// Makes a module a package of tools.
///
/// The module's plain `pub fn`s are the tools; everything else in it stays as it is. The component exports one interface,
/// `namespace:name/module@version`, which is called as the module is, in kebab-case. The types that the tools name are
/// declared in the same module: `pub struct`s with `pub` named fields become records, `pub enum`s become enums, or variants
/// where a case carries something.
///
/// ```
/// #[gloveport::tools(package = "acme:clocks@0.2.0", summary = "Tells the time", needs(clock = "real", env = ["TZ"]))]
/// mod clocks {
///     /// A time of day.
///     pub struct Time {
///         /// From 0 to 23.
///         pub hour: u8,
///         /// From 0 to 59.
///         pub minute: u8,
///     }
///
///     /// The minutes since midnight.
///     pub fn minutes(
///         /// The time to convert.
///         time: Time,
///     ) -> u32 {
///         u32::from(time.hour) * 60 + u32::from(time.minute)
///     }
/// }
///
/// fn main() {
///     assert_eq!(clocks::minutes(clocks::Time { hour: 1, minute: 30 }), 90);
/// }
/// ```
///
/// # Arguments
///
/// | key | meaning | otherwise |
/// |---|---|---|
/// | `package` | `"namespace:name"` or `"namespace:name@version"` | `local`, the module's name, and the crate's version |
/// | `summary` | one line for people | the crate's description |
/// | `licence` | an SPDX expression | the crate's `license` |
/// | `needs(…)` | what calls ask for, as below | nothing |
/// | `programs` | `["bash", "sh"]`: what a crate that exports `wasi:cli/run` too goes by | the package's name |
///
/// | need | values | for |
/// |---|---|---|
/// | `fs` | `"read"` or `"read-write"` | the caller's mounts |
/// | `env` | `["NAME"]` | environment variables |
/// | `clock`, `random` | `"real"` | the machine's own, instead of reproducible ones |
/// | `http` | `["api.example.com", "*.example.org:8443"]` | requests to these hosts, by `gloveport::http` |
/// | `tcp`, `udp` | hosts, as `http` | connections and datagrams: `std::net` |
/// | `listen` | `["127.0.0.1:8080"]` | waiting for connections at an address of the machine |
/// | `secrets` | `["github"]` | secrets in requests, which `gloveport::http` names and the host puts in |
/// | `invoke` | `["files.read", "text.*"]` | calling other tools: [`host::invoke`] |
/// | `exec` | `["grep", "sort"]` | starting programs as processes: `gloveport::process` |
///
/// `*` stands for all hosts, tools or programs. Asking grants nothing: policy decides on each request, secret, call and start.
///
/// All but `package` may stand in `[package.metadata.gloveport]` of `Cargo.toml` instead; a key that stands in both places is
/// refused, as is an unknown one.
pub use gloveport_macros::tools;

/// Makes a crate with a `main` a package: a command, or several that one component goes by (`programs`).
///
/// It takes the arguments of [`tools`]; the crate's name takes the place of the module's.
///
/// ```
/// gloveport::command!(package = "acme:greet", needs(fs = "read"), programs = ["hello", "goodbye"]);
///
/// fn main() {
///     let program = std::env::args().next();
///     println!("{}", program.as_deref().unwrap_or("hello"));
/// }
/// ```
pub use gloveport_macros::command;

#[cfg(feature = "command")]
pub mod command;
pub mod host;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "process")]
pub mod process;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

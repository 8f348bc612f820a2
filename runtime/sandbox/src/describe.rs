//! What a component's bytes say about it: its tools, their types and documentation, what it needs, what it imports.
//!
//! Nothing here runs or compiles anything, and nothing outside the bytes is asked.

use crate::{
    nested::Nested,
    schema,
    shape::{Field, NoShape, Shape, Walk, json_name},
};
use policy::{Access, HostPattern, Manifest, ManifestError, Needs, ProgramPattern, Repeat, Time, ToolPattern};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};
use wit_parser::{
    Function, FunctionKind, InterfaceId, PackageMetadata, Resolve, WorldId, WorldItem, WorldKey,
    decoding::{DecodedWasm, decode},
};

/// Everything that is derived from a component's bytes; cached beside its compiled code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// The name that its tools' ids begin with.
    pub name: String,
    /// What the package says of itself, where it says anything.
    pub manifest: Option<Manifest>,
    /// The upper bound of what any grant to it can hold: its manifest's needs, within what its imports could use.
    pub needs: Needs,
    /// Its tools by function name: what stands after the dot in an id.
    pub tools: BTreeMap<String, ToolDescription>,
    /// Exported functions that are not tools, and why.
    pub not_tools: Vec<(String, String)>,
    /// The interfaces that it imports, in order.
    pub imports: Vec<String>,
}

impl Description {
    /// Whether a function can run again. What could change nothing anyway need not say so.
    pub fn repeat_of(&self, function: &str) -> &Repeat {
        let said = self.manifest.as_ref().and_then(|manifest| manifest.repeat.get(function));
        said.unwrap_or(if self.needs == self.needs.to_read() { &Repeat::Pure } else { &Repeat::Unsafe })
    }

    /// The upper bound of what a grant to one of its functions can hold: what is said to change nothing gets nothing to
    /// change.
    pub fn needs_of(&self, function: &str) -> Cow<'_, Needs> {
        match self.repeat_of(function) {
            Repeat::Pure => Cow::Owned(self.needs.to_read()),
            Repeat::Idempotent | Repeat::Keyed(_) | Repeat::Unsafe => Cow::Borrowed(&self.needs),
        }
    }
}

/// One tool of a package.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToolDescription {
    /// What it does, in its author's words.
    pub docs: Option<String>,
    /// JSON Schema of the arguments.
    pub input: Value,
    /// JSON Schema of the result.
    pub output: Value,
    /// How it is called.
    pub(crate) kind: Kind,
}

/// How a tool is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// An exported function over value types.
    Typed { interface: Option<String>, function: String, params: Vec<Field>, result: TypedResult },
    /// `wasi:cli/run`, exported by this name, and the name under which it finds itself called.
    Command { interface: String, program: String },
}

/// What a typed function gives back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum TypedResult {
    /// Nothing, or a value.
    Plain(Option<Shape>),
    /// A top-level `result`: a value, or a tool error.
    Fallible { ok: Option<Shape>, err: Option<Shape> },
}

/// Why bytes cannot be a package.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// Not a valid component.
    #[error("not a valid WebAssembly component: {message} (at byte {offset})")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where.
        offset: usize,
    },
    /// A module of core WebAssembly.
    #[error(
        "a core WebAssembly module that is no command of WASI preview 1, and no component; build for the target wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// A command of preview 1 that the adapter does not fit.
    #[error("a command of WASI preview 1 that cannot become a component: {0}")]
    Preview1(String),
    /// A WIT package in binary form: types without code.
    #[error("a WIT package without code, not a component")]
    WitPackage,
    /// Its interface cannot be read.
    #[error("the component's interface cannot be read: {0}")]
    Interface(String),
    /// Its manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Which one counts?
    #[error("more than one section `gloveport:manifest`: expected at most one")]
    ManyManifests,
    /// It imports something that this host does not have.
    #[error("it imports `{0}`, which this host does not offer; only WASI 0.2 interfaces can be imported")]
    UnknownImport(String),
    /// It asks for more than any host has.
    #[error("the components within it ask for too many instances of each other")]
    Nested,
    /// Nothing to call.
    #[error("it exports no tool{}", list_reasons(.0))]
    NoTools(Vec<(String, String)>),
    /// Its manifest speaks of programs, and it is no command.
    #[error("section `gloveport:manifest`: `programs` names `{0}`, and the component does not export `wasi:cli/run`")]
    NoCommand(String),
    /// Its manifest speaks of a function that is none of its tools.
    #[error("section `gloveport:manifest`: `repeat` names `{0}`, which is none of its tools")]
    RepeatOfNothing(String),
    /// The argument that is to hold a key is none.
    #[error(
        "section `gloveport:manifest`: `repeat.{function}` names the argument `{argument}`, which is no optional text of it"
    )]
    NoKey {
        /// The function.
        function: String,
        /// The argument.
        argument: String,
    },
    /// A name that cannot stand in a tool's id.
    #[error("`{0}` cannot be a package's name: expected letters, digits, `-` or `_`, starting with a letter")]
    Name(String),
}

fn list_reasons(not_tools: &[(String, String)]) -> String {
    not_tools.iter().map(|(name, why)| format!("; `{name}` is none: {why}")).collect()
}

/// The features of the engine, said again for the validator that runs before it.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::WASM2 & !WasmFeatures::EXCEPTIONS & !WasmFeatures::MULTI_MEMORY
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::SIMD
}

/// Derives the description.
///
/// `stem` names a package that has no manifest; it usually comes from its file's name.
pub(crate) fn describe(bytes: &[u8], stem: &str) -> Result<Description, DescribeError> {
    let sections = Sections::read(bytes)?;
    let manifest = sections.manifest.map(Manifest::parse).transpose()?;
    let decoded = decode(bytes).map_err(|error| DescribeError::Interface(format!("{error:#}")))?;
    let DecodedWasm::Component(mut resolve, world) = decoded else {
        return Err(DescribeError::WitPackage);
    };
    inject_docs(&mut resolve, world, sections.docs);

    let imports = imports(&resolve, world);
    if let Some(unknown) = imports.iter().find(|import| !is_known(import)) {
        return Err(DescribeError::UnknownImport(unknown.clone()));
    }
    let name = manifest.as_ref().map_or(stem, |manifest| &manifest.name).to_owned();
    if format!("{name}.x").parse::<policy::ToolId>().is_err() {
        return Err(DescribeError::Name(name.chars().take(100).collect()));
    }
    let exports = Exports::read(&resolve, world, &programs(manifest.as_ref(), &name));
    if let Some(program) = manifest.as_ref().and_then(|manifest| manifest.programs.first())
        && !exports.has_command()
    {
        return Err(DescribeError::NoCommand(program.to_string()));
    }
    let (tools, not_tools) = exports.into_tools();
    if tools.is_empty() {
        return Err(DescribeError::NoTools(not_tools));
    }
    check_repeat(manifest.as_ref(), &tools)?;
    let reach = reach(&imports);
    let needs = match &manifest {
        Some(manifest) => within(&manifest.needs, &reach),
        None => reach,
    };
    Ok(Description { name, manifest, needs, tools, not_tools, imports })
}

/// The functions that a command is, and the names under which it finds itself called.
fn programs(manifest: Option<&Manifest>, package: &str) -> Vec<(String, String)> {
    let said: Vec<_> = manifest.into_iter().flat_map(|manifest| &manifest.programs).collect();
    if said.is_empty() {
        return vec![("run".to_owned(), package.to_owned())];
    }
    said.into_iter().map(|program| (program.function(), program.to_string())).collect()
}

/// What is said of functions has to be said of those that are there.
fn check_repeat(manifest: Option<&Manifest>, tools: &BTreeMap<String, ToolDescription>) -> Result<(), DescribeError> {
    for (function, repeat) in manifest.into_iter().flat_map(|manifest| &manifest.repeat) {
        let short = || function.chars().take(100).collect();
        let Some(tool) = tools.get(function) else { return Err(DescribeError::RepeatOfNothing(short())) };
        let Repeat::Keyed(argument) = repeat else { continue };
        let kind = &tool.input["properties"][argument]["type"];
        let is_text = kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "string"));
        let required = tool.input["required"].as_array().is_some_and(|keys| keys.iter().any(|key| key == argument));
        if !is_text || required {
            let argument = argument.chars().take(100).collect();
            return Err(DescribeError::NoKey { function: short(), argument });
        }
    }
    Ok(())
}

/// Where packages carry what they say of themselves.
const MANIFEST_SECTION: &str = "gloveport:manifest";
/// Where packages carry their documentation: in the form of a WIT package's `package-docs`, under a name of our own,
/// since `decode` takes a section of that name for a WIT package's and fails on a component's.
const DOCS_SECTION: &str = "gloveport:docs";

/// The custom sections that matter here.
struct Sections<'a> {
    manifest: Option<&'a [u8]>,
    docs: Option<&'a [u8]>,
}

impl<'a> Sections<'a> {
    /// Validates the whole component and finds its sections, however deep the linker put them.
    fn read(bytes: &'a [u8]) -> Result<Self, DescribeError> {
        let invalid = |error: wasmparser::BinaryReaderError| DescribeError::Invalid {
            message: error.message().to_owned(),
            offset: error.offset(),
        };
        if let Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) = Parser::new(0).parse_all(bytes).next() {
            return Err(DescribeError::CoreModule);
        }
        Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
        let mut found = Self { manifest: None, docs: None };
        let mut nested = Nested::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(invalid)?;
            if !nested.take(&payload).map_err(invalid)? {
                return Err(DescribeError::Nested);
            }
            if let Payload::CustomSection(section) = payload {
                match section.name() {
                    MANIFEST_SECTION if found.manifest.is_some() => return Err(DescribeError::ManyManifests),
                    MANIFEST_SECTION => found.manifest = Some(section.data()),
                    DOCS_SECTION if found.docs.is_none() => found.docs = Some(section.data()),
                    _ => {}
                }
            }
        }
        Ok(found)
    }
}

/// A component's manifest, where there is one; nothing else is looked at.
pub fn declared(bytes: &[u8]) -> Option<Manifest> {
    let section = Parser::new(0).parse_all(bytes).find_map(|payload| match payload {
        Ok(Payload::CustomSection(section)) if section.name() == MANIFEST_SECTION => Some(section.data()),
        _ => None,
    })?;
    Manifest::parse(section).ok()
}

/// Puts documentation where it belongs. It is a courtesy of the component's author: where it does not fit the
/// component's interface, the tools simply have none.
fn inject_docs(resolve: &mut Resolve, world: WorldId, docs: Option<&[u8]>) {
    let Some(docs) = docs else { return };
    let exported: BTreeSet<_> = resolve.worlds[world]
        .exports
        .values()
        .filter_map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].package,
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        })
        .collect();
    for package in exported {
        if let Ok(metadata) = PackageMetadata::decode(docs) {
            // An error leaves some documentation in place, which does no harm.
            let _ = metadata.inject(resolve, package);
        }
    }
}

fn imports(resolve: &Resolve, world: WorldId) -> Vec<String> {
    let name = |(key, item): (&WorldKey, &WorldItem)| match item {
        WorldItem::Interface { .. } | WorldItem::Function(_) => Some(resolve.name_world_key(key)),
        WorldItem::Type { .. } => None,
    };
    resolve.worlds[world].imports.iter().filter_map(name).collect()
}

/// Whether an import is an interface of WASI 0.2: one that has a door, or one that is refused when it is called.
fn is_known(import: &str) -> bool {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let package = name.split_once('/').map_or(name, |(package, _)| package);
    let known = matches!(
        package,
        "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:http" | "wasi:io" | "wasi:random" | "wasi:sockets"
    );
    known && version.starts_with("0.2.")
        || matches!(name, "gloveport:tool/host" | "gloveport:tool/process") && version == "0.1.0"
}

/// Whether a component that imports this could reach it, and what that is; for people.
pub fn reach_of(import: &str) -> &'static str {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    match name {
        "wasi:filesystem/types" | "wasi:filesystem/preopens" => "files in the mounts that a call is granted",
        "wasi:cli/environment" => "its arguments, and the environment variables that a call is granted",
        "wasi:clocks/wall-clock" | "wasi:clocks/monotonic-clock" => "a virtual clock; the real one where granted",
        name if name.starts_with("wasi:random/") => "a seeded generator; real randomness where granted",
        "wasi:cli/stdin" => "the input that the caller gives",
        "wasi:cli/stdout" | "wasi:cli/stderr" => "output that is captured, and bounded",
        name if name.starts_with("wasi:sockets/") => "hosts and ports that policy allows, by TCP and UDP",
        "wasi:http/outgoing-handler" => "hosts that policy allows, each request by itself",
        "gloveport:tool/host" => "the operator's log, and other tools that policy allows",
        "gloveport:tool/process" => "programs that policy allows, each a process with a grant of its own",
        _ => "nothing outside its own instance",
    }
}

/// What a component with these imports could use at all.
fn reach(imports: &[String]) -> Needs {
    let has = |prefix: &str| imports.iter().any(|import| import.starts_with(prefix));
    let hosts = |has: bool| has.then(HostPattern::any).into_iter().collect::<BTreeSet<_>>();
    let (http, sockets) = (has("wasi:http/outgoing-handler"), has("wasi:sockets/"));
    Needs {
        fs: has("wasi:filesystem/").then_some(Access::ReadWrite),
        env: if has("wasi:cli/environment") { None } else { Some(BTreeSet::new()) },
        clock: Time::Virtual,
        random: Time::Virtual,
        http: hosts(http),
        tcp: hosts(sockets),
        udp: hosts(sockets),
        listen: hosts(sockets),
        secrets: BTreeSet::new(),
        invoke: has("gloveport:tool/host").then(ToolPattern::any).into_iter().collect(),
        exec: has("gloveport:tool/process").then(ProgramPattern::any).into_iter().collect(),
    }
}

/// A manifest's needs, as far as the imports could use them: for itself, or for the tools that it calls and the programs that it
/// starts, which can be granted nothing that it does not need.
fn within(asked: &Needs, reach: &Needs) -> Needs {
    let (invokes, starts) = (!reach.invoke.is_empty(), !reach.exec.is_empty());
    let calls = invokes || starts;
    fn where_used<T: Clone>(asked: &BTreeSet<T>, used: bool) -> BTreeSet<T> {
        if used { asked.clone() } else { BTreeSet::new() }
    }
    let http = calls || !reach.http.is_empty();
    let sockets = calls || !reach.tcp.is_empty();
    Needs {
        fs: asked.fs.filter(|_| calls || reach.fs.is_some()),
        env: if calls || reach.env.is_none() { asked.env.clone() } else { Some(BTreeSet::new()) },
        clock: asked.clock,
        random: asked.random,
        http: where_used(&asked.http, http),
        tcp: where_used(&asked.tcp, sockets),
        udp: where_used(&asked.udp, sockets),
        listen: where_used(&asked.listen, sockets),
        secrets: where_used(&asked.secrets, http),
        invoke: where_used(&asked.invoke, invokes),
        exec: where_used(&asked.exec, starts),
    }
}

/// A function, where it is exported, and its interface.
struct Exports {
    tools: Vec<(Option<String>, String, ToolDescription)>,
    not_tools: Vec<(String, String)>,
}

impl Exports {
    fn read(resolve: &Resolve, world: WorldId, programs: &[(String, String)]) -> Self {
        let mut exports = Self { tools: Vec::new(), not_tools: Vec::new() };
        for (key, item) in &resolve.worlds[world].exports {
            let name = resolve.name_world_key(key);
            match item {
                WorldItem::Interface { .. } if name.starts_with("wasi:cli/run@0.2.") => {
                    let each = |(function, program): &(String, String)| {
                        (None, function.clone(), command(name.clone(), program.clone()))
                    };
                    exports.tools.extend(programs.iter().map(each));
                }
                WorldItem::Interface { id, .. } => exports.interface(resolve, &name, *id),
                WorldItem::Function(function) => exports.function(resolve, None, function),
                WorldItem::Type { .. } => {}
            }
        }
        exports
    }

    fn has_command(&self) -> bool {
        self.tools.iter().any(|(_, _, tool)| matches!(tool.kind, Kind::Command { .. }))
    }

    fn interface(&mut self, resolve: &Resolve, name: &str, id: InterfaceId) {
        for function in resolve.interfaces[id].functions.values() {
            self.function(resolve, Some(name), function);
        }
    }

    fn function(&mut self, resolve: &Resolve, interface: Option<&str>, function: &Function) {
        let whole = interface.map_or_else(|| function.name.clone(), |name| format!("{name}#{}", function.name));
        match typed(resolve, interface, function) {
            Ok(tool) => self.tools.push((interface.map(short), json_name(&function.name), tool)),
            Err(why) => self.not_tools.push((whole, why)),
        }
    }

    /// Names tools by their function, or by interface and function where two would have one name.
    fn into_tools(self) -> (BTreeMap<String, ToolDescription>, Vec<(String, String)>) {
        let mut count = BTreeMap::<String, usize>::new();
        for (_, name, _) in &self.tools {
            *count.entry(name.clone()).or_default() += 1;
        }
        let mut not_tools = self.not_tools;
        let mut found = BTreeMap::<String, Vec<ToolDescription>>::new();
        for (interface, name, tool) in self.tools {
            let id = match interface {
                Some(interface) if count[&name] > 1 => format!("{interface}.{name}"),
                _ => name,
            };
            found.entry(id).or_default().push(tool);
        }
        let mut tools = BTreeMap::new();
        for (id, mut all) in found {
            match all.pop() {
                Some(tool) if all.is_empty() => drop(tools.insert(id, tool)),
                // Whichever were taken, a caller could mean the other.
                _ => not_tools.push((id, "several functions would have this name".into())),
            }
        }
        (tools, not_tools)
    }
}

/// `acme:text/lines@1.0.0` → `lines`.
fn short(interface: &str) -> String {
    let name = interface.split_once('@').map_or(interface, |(name, _)| name);
    json_name(name.rsplit('/').next().unwrap_or(name))
}

fn command(interface: String, program: String) -> ToolDescription {
    let text = |description: &str| json!({ "type": "string", "description": description });
    ToolDescription {
        docs: Some(format!("Runs the program `{program}` with arguments and standard input.")),
        input: json!({
            "type": "object",
            "properties": {
                "args": {
                    "type": "array", "items": { "type": "string" },
                    "description": "The arguments, without the program's name.",
                },
                "stdin": text("What it reads from standard input; nothing if absent."),
            },
            "required": [],
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "exit_code": { "type": "integer", "description": "0 for success; anything else is a tool error." },
                "stdout": text("Standard output; bytes that are not UTF-8 are replaced."),
                "stderr": text("Standard error; bytes that are not UTF-8 are replaced."),
            },
            "required": ["exit_code", "stdout", "stderr"],
            "additionalProperties": false,
        }),
        kind: Kind::Command { interface, program },
    }
}

fn typed(resolve: &Resolve, interface: Option<&str>, function: &Function) -> Result<ToolDescription, String> {
    match function.kind {
        FunctionKind::Freestanding => {}
        FunctionKind::AsyncFreestanding => return Err("it is asynchronous, which WASI 0.2 does not have".into()),
        _ => return Err("it belongs to a resource, which lives in one instance only".into()),
    }
    let docs = Docs::split(function.docs.contents.as_deref());
    let mut walk = Walk::new(resolve);
    let mut params = Vec::new();
    for param in &function.params {
        let shape = walk.shape(&param.ty).map_err(|why| why.to_string())?;
        let json = json_name(&param.name);
        params.push(Field { docs: docs.params.get(&json).cloned(), wit: param.name.clone(), json, shape });
    }
    let result = match &function.result {
        None => TypedResult::Plain(None),
        Some(ty) => match walk.shape(ty).map_err(|why: NoShape| why.to_string())? {
            Shape::Result { ok, err } => TypedResult::Fallible { ok: ok.map(|it| *it), err: err.map(|it| *it) },
            shape => TypedResult::Plain(Some(shape)),
        },
    };
    let output = match &result {
        TypedResult::Plain(shape) => schema::output(shape.as_ref()),
        TypedResult::Fallible { ok, .. } => schema::output(ok.as_ref()),
    };
    Ok(ToolDescription {
        docs: docs.text,
        input: schema::input(&params),
        output,
        kind: Kind::Typed { interface: interface.map(str::to_owned), function: function.name.clone(), params, result },
    })
}

/// A function's documentation, with that of its parameters taken out: WIT has no place for it, so packages carry it
/// as a list under the heading `# Parameters`.
struct Docs {
    text: Option<String>,
    params: BTreeMap<String, String>,
}

impl Docs {
    fn split(docs: Option<&str>) -> Self {
        let Some(docs) = docs else {
            return Self { text: None, params: BTreeMap::new() };
        };
        let (text, list) = match docs.split_once("# Parameters\n") {
            Some((text, list)) => (text.trim(), list),
            None => (docs.trim(), ""),
        };
        let param = |line: &str| {
            let (name, text) = line.strip_prefix("- `")?.split_once("`: ")?;
            Some((name.to_owned(), text.to_owned()))
        };
        Self { text: (!text.is_empty()).then(|| text.to_owned()), params: list.lines().filter_map(param).collect() }
    }
}

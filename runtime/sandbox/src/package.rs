//! A loaded package and its tools.

use crate::{
    describe::{Description, Kind, ToolDescription, TypedResult},
    shape::Field,
    state::State,
    value::{self, BadArguments},
};
use policy::{Digest, Needs, Repeat, ToolId};
use serde_json::Value;
use std::{collections::BTreeMap, io, sync::Arc};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Val};

/// A component that is ready to be called.
#[derive(Debug)]
pub struct Package {
    /// The sha256 of its bytes.
    pub digest: Digest,
    /// The length of its bytes.
    pub size: u64,
    /// What its bytes say about it.
    pub description: Arc<Description>,
    /// Its tools by function name.
    pub tools: BTreeMap<String, Arc<Tool>>,
    /// Whether its compiled code came from the cache.
    pub cached: bool,
}

/// One exported function, ready to be called.
pub struct Tool {
    /// Its id: `package.function`.
    pub id: ToolId,
    /// The digest of its package.
    pub digest: Digest,
    /// The same as a text, which every decision wants.
    pub digest_text: Arc<str>,
    package: Arc<Description>,
    function: String,
    needs: Needs,
    repeat: Repeat,
    pub(crate) pre: InstancePre<State>,
    pub(crate) entry: Entry,
}

/// Where a tool's code begins, and how its values cross.
pub(crate) enum Entry {
    Typed {
        function: ComponentExportIndex,
        params: Vec<Field>,
        result: TypedResult,
    },
    /// `wasi:cli/run`, and the name under which it finds itself called.
    Command {
        run: ComponentExportIndex,
        program: String,
    },
}

/// Arguments that fit a tool's parameters.
#[derive(Debug)]
pub struct Arguments(pub(crate) Given);

#[derive(Debug)]
pub(crate) enum Given {
    Typed(Vec<Val>),
    Command { args: Vec<String>, stdin: Option<String> },
}

/// The engine lost an export that the description has; a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("export `{0}` is not where the component's interface says it is")]
pub struct MissingExport(String);

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tool").field("id", &self.id).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Package {
    pub(crate) fn new(
        digest: Digest,
        size: u64,
        description: Description,
        component: &Component,
        pre: &InstancePre<State>,
        cached: bool,
    ) -> Result<Self, MissingExport> {
        let description = Arc::new(description);
        let digest_text = Arc::<str>::from(digest.to_string());
        let mut tools = BTreeMap::new();
        for (function, tool) in &description.tools {
            let id = format!("{}.{function}", description.name);
            let id: ToolId = id.parse().map_err(|_| MissingExport(id))?;
            let tool = Tool {
                id,
                digest,
                digest_text: Arc::clone(&digest_text),
                package: Arc::clone(&description),
                function: function.clone(),
                needs: description.needs_of(function).into_owned(),
                repeat: description.repeat_of(function).clone(),
                pre: pre.clone(),
                entry: Entry::find(component, &tool.kind)?,
            };
            tools.insert(function.clone(), Arc::new(tool));
        }
        Ok(Self { digest, size, description, tools, cached })
    }

    /// The name that its tools' ids begin with.
    pub fn name(&self) -> &str {
        &self.description.name
    }
}

impl Entry {
    fn find(component: &Component, kind: &Kind) -> Result<Self, MissingExport> {
        let find = |interface: Option<&str>, function: &str| {
            let missing = || MissingExport(function.to_owned());
            let interface = match interface {
                Some(name) => Some(component.get_export_index(None, name).ok_or_else(missing)?),
                None => None,
            };
            component.get_export_index(interface.as_ref(), function).ok_or_else(missing)
        };
        Ok(match kind {
            Kind::Typed { interface, function, params, result } => Self::Typed {
                function: find(interface.as_deref(), function)?,
                params: params.clone(),
                result: result.clone(),
            },
            Kind::Command { interface, program } => {
                Self::Command { run: find(Some(interface), "run")?, program: program.clone() }
            }
        })
    }
}

impl Tool {
    /// What its package's bytes say about it.
    pub fn description(&self) -> &ToolDescription {
        &self.package.tools[&self.function]
    }

    /// The upper bound of what any grant to it can hold.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Whether it is a command, and so can be a process.
    pub fn is_command(&self) -> bool {
        matches!(self.entry, Entry::Command { .. })
    }

    /// The name under which a command finds itself called.
    pub fn program(&self) -> &str {
        match &self.entry {
            Entry::Command { program, .. } => program,
            Entry::Typed { .. } => self.id.package(),
        }
    }

    /// Whether it can run again with the same arguments.
    pub fn repeat(&self) -> &Repeat {
        &self.repeat
    }

    pub(crate) fn package(&self) -> &Description {
        &self.package
    }

    /// Arguments as JSON, for another process.
    pub(crate) fn json_of(&self, arguments: Arguments) -> Value {
        match (arguments.0, &self.entry) {
            (Given::Command { args, stdin }, _) => serde_json::json!({ "args": args, "stdin": stdin }),
            (Given::Typed(values), Entry::Typed { params, .. }) => {
                let pairs = params.iter().zip(values).filter_map(|(field, value)| {
                    Some((field.json.clone(), value::json(&field.shape, value, u64::MAX).ok()?))
                });
                Value::Object(pairs.collect())
            }
            (Given::Typed(_), Entry::Command { .. }) => Value::Null,
        }
    }

    /// Checks arguments against its parameters.
    ///
    /// # Errors
    /// Names the first place that does not fit, what was expected there and what was found.
    pub fn arguments(&self, args: &Value, max_bytes: u64) -> Result<Arguments, BadArguments> {
        let size = Counter::size_of(args);
        if size > max_bytes {
            return Err(BadArguments {
                path: ".".into(),
                expected: format!("at most {max_bytes} bytes of JSON (limit `arguments`)"),
                got: format!("{size} bytes"),
            });
        }
        match &self.entry {
            Entry::Typed { params, .. } => value::arguments(params, args).map(|vals| Arguments(Given::Typed(vals))),
            Entry::Command { .. } => command_arguments(args),
        }
    }
}

fn command_arguments(args: &Value) -> Result<Arguments, BadArguments> {
    let bad =
        |path: &str, expected: &str, got: String| BadArguments { path: path.into(), expected: expected.into(), got };
    let map = args.as_object().ok_or_else(|| bad(".", "an object", "something else".into()))?;
    let mut given = (Vec::new(), None);
    for (key, value) in map {
        match (key.as_str(), value) {
            ("args" | "stdin", Value::Null) => {}
            ("args", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let text = item.as_str();
                    let refuse = || bad(&format!("args[{index}]"), "a string", "something else".into());
                    given.0.push(text.ok_or_else(refuse)?.to_owned());
                }
            }
            ("stdin", Value::String(text)) => given.1 = Some(text.clone()),
            ("args", _) => return Err(bad("args", "an array of strings", "something else".into())),
            ("stdin", _) => return Err(bad("stdin", "a string", "something else".into())),
            (key, _) => {
                let key: String = key.chars().take(60).collect();
                return Err(bad(&key, "one of the keys args, stdin", "an unknown key".into()));
            }
        }
    }
    Ok(Arguments(Given::Command { args: given.0, stdin: given.1 }))
}

/// Counts the bytes of a JSON text without making it.
pub(crate) struct Counter(u64);

impl Counter {
    pub(crate) fn size_of(value: &Value) -> u64 {
        let mut counter = Self(0);
        // Neither this writer nor a JSON value can fail.
        let _ = serde_json::to_writer(&mut counter, value);
        counter.0
    }
}

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

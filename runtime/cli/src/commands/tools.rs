//! `gloveport tools`: what can be called.

use crate::{
    args::ToolsArgs,
    exit::Exit,
    print::{json_line, line, one_line},
    setup::{self, Wanted},
};
use anyhow::Result;
use policy::Annotations;
use serde_json::json;

pub(crate) fn run(args: &ToolsArgs) -> Result<Exit> {
    let wanted = Wanted::new(&args.configured)?;
    let sources = wanted.sources()?;
    let offered = wanted.offered();
    let prefix = args.prefix.as_deref().unwrap_or_default();
    for package in sources.packages() {
        let description = setup::describe(package)?;
        for (function, tool) in &description.tools {
            let id = format!("{}.{function}", description.name);
            if !id.starts_with(prefix) {
                continue;
            }
            let needs = description.needs_of(function);
            let annotations = Annotations::offered(&needs, offered.values().copied());
            if args.json {
                json_line(&json!({
                    "id": id, "description": tool.docs, "input_schema": tool.input, "output_schema": tool.output,
                    "digest": package.digest, "needs": needs, "repeat": description.repeat_of(function),
                    "annotations": annotations,
                }));
            } else {
                let docs = tool.docs.as_deref().and_then(|docs| docs.lines().next()).unwrap_or_default();
                line(&format!("{id:<24} {annotations:<22} {}", one_line(docs)));
            }
        }
    }
    Ok(Exit::Done)
}

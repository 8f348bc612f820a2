//! `gloveport inspect`: what a component file is, from its bytes alone.

use crate::{
    args::InspectArgs,
    exit::Exit,
    print::{harmless, indent, json as shown, json_line, line, one_line},
    setup,
};
use anyhow::{Context as _, Result};
use policy::Annotations;
use registry::Origin;
use sandbox::Description;
use serde_json::{Value, json};

pub(crate) fn run(args: &InspectArgs) -> Result<Exit> {
    let package = setup::package_at(&args.file)?;
    let from = match &package.origin {
        Origin::Bundled => "bundled".to_owned(),
        Origin::File(path) | Origin::Folder(path) => path.display().to_string(),
    };
    let description = sandbox::describe(&package.bytes, &package.name).with_context(|| from.clone())?;
    if args.json {
        json_line(&as_json(&description, &package.digest.to_string(), package.bytes.len()));
        return Ok(Exit::Done);
    }
    line(&format!("{} ({from})", one_line(&title(&description))));
    line(&format!("  digest   {}", package.digest));
    line(&format!("  size     {} bytes", package.bytes.len()));
    if let Some(manifest) = &description.manifest {
        if let Some(summary) = &manifest.summary {
            line(&format!("  summary  {}", one_line(summary)));
        }
        if let Some(licence) = &manifest.licence {
            line(&format!("  licence  {}", one_line(licence)));
        }
    } else {
        line("  manifest none: it can be granted whatever its imports could use");
    }
    line("\nneeds (the most that any call to it can be granted)");
    for need in needs(&description) {
        line(&format!("  {}", one_line(&need)));
    }
    line("\nannotations (what follows for every call, wherever it is made)");
    line(&format!("  {}", Annotations::anywhere(&description.needs)));
    line("\nimports, and what each could reach");
    for import in &description.imports {
        line(&format!("  {import}: {}", sandbox::reach_of(import)));
    }
    line("\ntools");
    for (function, tool) in &description.tools {
        line(&format!("  {}.{function}", description.name));
        if let Some(docs) = &tool.docs {
            line(&indent(&harmless(docs), 6));
        }
        line(&format!("      arguments {}", shown(&tool.input)));
        line(&format!("      result    {}", shown(&tool.output)));
    }
    for (function, why) in &description.not_tools {
        line(&format!("  {function} is not a tool: {why}"));
    }
    Ok(Exit::Done)
}

fn title(description: &Description) -> String {
    match &description.manifest {
        Some(manifest) => format!("{}:{}@{}", manifest.namespace, manifest.name, manifest.version),
        None => description.name.clone(),
    }
}

fn needs(description: &Description) -> Vec<String> {
    let needs = &description.needs;
    let mut lines = Vec::new();
    lines.extend(needs.fs.map(|access| format!("fs       {access}")));
    match &needs.env {
        None => lines.push("env      any variable".into()),
        Some(names) if names.is_empty() => {}
        Some(names) => lines.push(format!("env      {}", names.iter().cloned().collect::<Vec<_>>().join(", "))),
    }
    let texts = |set: &mut dyn Iterator<Item = String>| set.collect::<Vec<_>>().join(", ");
    for (name, hosts) in [("http", &needs.http), ("tcp", &needs.tcp), ("udp", &needs.udp), ("listen", &needs.listen)] {
        if !hosts.is_empty() {
            lines.push(format!("{name:<8} {}", texts(&mut hosts.iter().map(ToString::to_string))));
        }
    }
    if !needs.secrets.is_empty() {
        lines.push(format!("secrets  {}", texts(&mut needs.secrets.iter().map(ToString::to_string))));
    }
    if !needs.invoke.is_empty() {
        lines.push(format!("invoke   {}", texts(&mut needs.invoke.iter().map(ToString::to_string))));
    }
    if !needs.exec.is_empty() {
        lines.push(format!("exec     {}", texts(&mut needs.exec.iter().map(ToString::to_string))));
    }
    for (name, time) in [("clock", needs.clock), ("random", needs.random)] {
        if time == policy::Time::Real {
            lines.push(format!("{name:<8} real"));
        }
    }
    if lines.is_empty() {
        lines.push("nothing".into());
    }
    lines
}

fn as_json(description: &Description, digest: &str, size: usize) -> Value {
    let annotations = Annotations::anywhere(&description.needs);
    let imports = description.imports.iter().map(|name| json!({ "name": name, "reach": sandbox::reach_of(name) }));
    let tools = description.tools.iter().map(|(function, tool)| {
        json!({
            "id": format!("{}.{function}", description.name), "description": tool.docs,
            "input_schema": tool.input, "output_schema": tool.output, "annotations": annotations,
        })
    });
    let not_tools = description.not_tools.iter().map(|(name, why)| json!({ "name": name, "why": why }));
    json!({
        "name": description.name, "digest": digest, "size": size, "manifest": description.manifest,
        "needs": description.needs, "imports": imports.collect::<Vec<_>>(), "tools": tools.collect::<Vec<_>>(),
        "not_tools": not_tools.collect::<Vec<_>>(),
    })
}

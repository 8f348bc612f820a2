//! `gloveport diff-package`: what an update would newly reach, and what it would break, from the bytes of both.

use crate::{
    args::DiffPackageArgs,
    exit::Exit,
    print::{json as shown, one_line, unread},
    setup, update,
};
use anyhow::{Context as _, Result};
use policy::{InterfaceChange, Update};
use registry::Package;
use sandbox::Description;
use serde_json::{Value, json};
use std::path::Path;

/// One of the two.
struct Side {
    package: Package,
    description: Description,
}

pub(crate) fn run(args: &DiffPackageArgs) -> Result<Exit> {
    let (old, new) = (Side::at(&args.old)?, Side::at(&args.new)?);
    let update = between(&old.description, &new.description);
    let claims = claims(&old.description, &new.description);
    let imports = Imports::between(&old.description, &new.description);
    // A hostile package can make this as long as it likes: who stops reading must not get the exit code of a harmless one.
    unread(&if args.json {
        shown(&as_json(&old, &new, &update, &imports, &claims))
    } else {
        as_text(&old, &new, &update, &imports, &claims)
    });
    Ok(if update.widens() || update.breaks() { Exit::ToolError } else { Exit::Done })
}

/// Interfaces that only one of them imports.
struct Imports<'a> {
    added: Vec<&'a str>,
    removed: Vec<&'a str>,
}

impl<'a> Imports<'a> {
    fn between(old: &'a Description, new: &'a Description) -> Self {
        let (old, new) = (old.interfaces(), new.interfaces());
        Self { added: new.difference(&old).copied().collect(), removed: old.difference(&new).copied().collect() }
    }
}

fn as_json(old: &Side, new: &Side, update: &Update, imports: &Imports<'_>, claims: &[Claim]) -> Value {
    let claims = claims.iter().map(|(key, from, to)| json!({ "key": key, "from": from, "to": to }));
    json!({
        "old": old.as_json(), "new": new.as_json(), "widens": update.widens(), "breaks": update.breaks(),
        "reach": { "added": update.added, "removed": update.removed },
        "imports": { "added": imports.added, "removed": imports.removed },
        "interface": interface(update), "manifest": claims.collect::<Vec<_>>(),
    })
}

fn as_text(old: &Side, new: &Side, update: &Update, imports: &Imports<'_>, claims: &[Claim]) -> String {
    let mut lines = vec![format!("- {}", old.title()), format!("+ {}", new.title())];
    lines.extend(update::lines(update));
    let added = imports.added.iter().map(|name| format!("+ {}: {}", one_line(name), sandbox::reach_of(name)));
    let removed = imports.removed.iter().map(|name| format!("- {}", one_line(name)));
    update::group(&mut lines, "imports (its needs bound what most of them reach)", added.chain(removed));
    let show = |text: &Option<String>| text.as_deref().map_or("none".to_owned(), one_line);
    let claims = claims.iter().map(|(key, from, to)| format!("~ {key}: {} → {}", show(from), show(to)));
    update::group(&mut lines, "what it says of itself", claims);
    let same = old.package.digest == new.package.digest;
    lines.push(if same { "the bytes are the same" } else { update::verdict(update) }.to_owned());
    lines.join("\n")
}

impl Side {
    fn at(file: &Path) -> Result<Self> {
        let package = setup::package_at(file)?;
        let description =
            sandbox::describe(&package.bytes, &package.name).with_context(|| format!("package {}", file.display()))?;
        Ok(Self { package, description })
    }

    fn title(&self) -> String {
        let origin = one_line(&self.package.origin.to_string());
        format!("{}  {} ({origin})", self.package.digest, self.description.name)
    }

    fn as_json(&self) -> Value {
        json!({
            "name": self.description.name, "digest": self.package.digest, "from": self.package.origin.to_string(),
        })
    }
}

fn between(old: &Description, new: &Description) -> Update {
    let mut update = Update::between(&old.surface(), &new.surface());
    // Two without manifests are named after their files.
    let named = old.manifest.is_some() || new.manifest.is_some();
    if named && old.name != new.name {
        let (from, to) = (old.name.clone(), new.name.clone());
        update.interface.insert(0, InterfaceChange::PackageRenamed { from, to });
    }
    update
}

/// Each change with whether it breaks callers, which is not a field of it.
fn interface(update: &Update) -> Vec<Value> {
    let change = |change: &InterfaceChange| {
        let mut value = json!(change);
        value["breaks"] = change.breaks().into();
        value
    };
    update.interface.iter().map(change).collect()
}

/// A key of the manifest, and what both say.
type Claim = (&'static str, Option<String>, Option<String>);

/// What the manifests say differently, beside the name and the needs.
fn claims(old: &Description, new: &Description) -> Vec<Claim> {
    let said = |description: &Description| {
        let manifest = description.manifest.clone();
        let (namespace, version) = match &manifest {
            Some(manifest) => (Some(manifest.namespace.clone()), Some(manifest.version.clone())),
            None => (None, None),
        };
        let (summary, licence) = manifest.map_or((None, None), |manifest| (manifest.summary, manifest.licence));
        [("namespace", namespace), ("version", version), ("summary", summary), ("licence", licence)]
    };
    let pairs = said(old).into_iter().zip(said(new));
    pairs.filter(|(from, to)| from != to).map(|((key, from), (_, to))| (key, from, to)).collect()
}

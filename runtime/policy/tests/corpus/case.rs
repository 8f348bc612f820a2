//! The form of a corpus file.

use policy::{
    Access, Classification, Decision, Limits, MountGrant, MountName, Narrow, Needs, Policy, PolicyError, Principal,
    Provenance, Refusal, Request, Spent, Time, ToolId,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One file: policy, and either what is wrong with it or requests to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// One policy file, called `policy.cedar`.
    policy: Option<String>,
    /// Several policy files.
    #[serde(default)]
    files: Vec<Source>,
    error: Option<String>,
    #[serde(default)]
    base: toml::Table,
    #[serde(default, rename = "case")]
    cases: Vec<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    name: String,
    text: String,
}

/// One request and what must come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default = "default_tenant")]
    tenant: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default = "default_principal")]
    principal: Principal,
    tool: ToolId,
    #[serde(default = "default_digest")]
    digest: String,
    #[serde(default)]
    needs: TomlNeeds,
    #[serde(default)]
    mounts: BTreeMap<MountName, Access>,
    #[serde(default)]
    env: BTreeSet<String>,
    #[serde(default)]
    narrow: Narrow,
    #[serde(default)]
    limits: Limits,
    #[serde(default = "no_arguments")]
    args: serde_json::Value,
    /// A string argument of this many bytes, which is too long to be written out.
    long_arg: Option<(String, usize)>,
    #[serde(default)]
    provenance: BTreeMap<String, Provenance>,
    /// What chose the call.
    #[serde(default)]
    chosen: Provenance,
    /// What is said of sources.
    #[serde(default)]
    sources: Arc<Classification>,
    /// The mounts that others see.
    #[serde(default)]
    shared: BTreeSet<MountName>,
    #[serde(default)]
    spent: TomlSpent,
    /// Who has agreed.
    #[serde(default)]
    pub(crate) agreed: BTreeSet<String>,
    allow: Option<Allow>,
    ask: Option<Ask>,
    deny: Option<Vec<Refusal>>,
    #[serde(skip)]
    offered: Vec<(MountName, Access)>,
}

/// Needs, and whether any variable is needed, which has no form in TOML.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlNeeds {
    fs: Option<Access>,
    #[serde(default)]
    env: BTreeSet<String>,
    #[serde(default)]
    any_env: bool,
    #[serde(default)]
    clock: Time,
    #[serde(default)]
    random: Time,
    #[serde(skip)]
    parsed: Needs,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TomlSpent {
    calls: u64,
    cpu_ms: u64,
    written_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    #[serde(default)]
    mounts: Vec<MountGrant>,
    #[serde(default)]
    env: BTreeSet<String>,
    #[serde(default)]
    clock: Time,
    #[serde(default)]
    random: Time,
    policies: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    approvers: Vec<String>,
    policies: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Allow(Allow),
    Ask(Ask),
    Deny(Vec<Refusal>),
}

fn default_tenant() -> String {
    "acme".to_owned()
}

fn default_principal() -> Principal {
    "alice".parse().expect("a name")
}

fn default_digest() -> String {
    format!("sha256:{}", "0".repeat(64))
}

fn no_arguments() -> serde_json::Value {
    serde_json::json!({})
}

impl File {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.policy.is_some() == file.files.is_empty() && file.error.is_some() == file.cases.is_empty() {
            for case in file.tables() {
                let name = case["name"].to_string();
                case.try_into::<Case>().map_err(|error| format!("{name}: {error}"))?;
            }
            Ok(file)
        } else {
            Err("expected `policy` or `[[files]]`, and `error` or `[[case]]`".to_owned())
        }
    }

    fn sources(&self) -> Vec<(&str, &str)> {
        let single = self.policy.iter().map(|text| ("policy.cedar", text.as_str()));
        single.chain(self.files.iter().map(|file| (file.name.as_str(), file.text.as_str()))).collect()
    }

    pub(crate) fn load(&self) -> Result<Policy, PolicyError> {
        Policy::parse(&self.sources())
    }

    pub(crate) fn load_with(&self, more: &str) -> Result<Policy, PolicyError> {
        let mut sources = self.sources();
        sources.push(("more.cedar", more));
        Policy::parse(&sources)
    }

    pub(crate) fn error(&self) -> Option<String> {
        self.error.as_ref().map(|error| error.trim_end().to_owned())
    }

    fn tables(&self) -> impl Iterator<Item = toml::Table> {
        self.cases.iter().map(|case| {
            let mut table = self.base.clone();
            table.extend(case.clone());
            table
        })
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = Case> {
        self.tables().map(|table| {
            let mut case: Case = table.try_into().expect("it was read before");
            case.offered = case.mounts.iter().map(|(name, access)| (name.clone(), *access)).collect();
            let TomlNeeds { fs, ref env, any_env, clock, random, .. } = case.needs;
            case.needs.parsed = Needs { fs, env: (!any_env).then(|| env.clone()), clock, random, ..Needs::default() };
            if let Some((name, bytes)) = &case.long_arg {
                case.args[name] = "x".repeat(*bytes).into();
            }
            case
        })
    }
}

impl Case {
    pub(crate) fn request(&self) -> Request<'_> {
        let TomlSpent { calls, cpu_ms, written_bytes } = self.spent;
        Request {
            tenant: &self.tenant,
            roles: &self.roles,
            principal: &self.principal,
            tool: &self.tool,
            digest: &self.digest,
            needs: &self.needs.parsed,
            mounts: &self.offered,
            env: &self.env,
            narrow: &self.narrow,
            within: None,
            limits: self.limits,
            args: &self.args,
            provenance: &self.provenance,
            chosen: &self.chosen,
            classification: &self.sources,
            shared: &self.shared,
            spent: Spent { calls, cpu_ms, written_bytes },
        }
    }

    pub(crate) fn expected(&self) -> Expected {
        match (&self.allow, &self.ask, &self.deny) {
            (Some(allow), None, None) => Expected::Allow(allow.clone()),
            (None, Some(ask), None) => Expected::Ask(ask.clone()),
            (None, None, Some(deny)) => Expected::Deny(deny.clone()),
            _ => panic!("{}: expected one of `allow`, `ask` and `deny`", self.name),
        }
    }

    /// This case, and others that differ from it in one part of the request.
    pub(crate) fn variations(&self) -> Vec<Self> {
        let mut all = vec![self.clone()];
        let mut vary = |change: &dyn Fn(&mut Self)| {
            let mut other = self.clone();
            change(&mut other);
            all.push(other);
        };
        vary(&|case| case.tenant.push('2'));
        vary(&|case| case.roles.clear());
        vary(&|case| case.roles.push("operator".to_owned()));
        vary(&|case| case.principal = "mallory".parse().expect("a name"));
        vary(&|case| case.tool = "other.run".parse().expect("an id"));
        vary(&|case| case.digest = case.digest.replace('0', "1"));
        vary(&|case| case.needs.parsed = Needs::default());
        vary(&|case| case.needs.parsed.fs = Some(Access::Read));
        vary(&|case| case.needs.parsed.env = None);
        vary(&|case| case.needs.parsed.clock = Time::Real);
        vary(&|case| case.needs.parsed.random = Time::Real);
        vary(&|case| case.offered.clear());
        vary(&|case| case.offered.iter_mut().for_each(|(_, access)| *access = Access::Read));
        vary(&|case| case.env.clear());
        vary(&|case| case.narrow = Narrow::default());
        vary(&|case| case.narrow.mounts = Some(BTreeMap::new()));
        vary(&|case| case.limits = Limits::default().with("cpu", "1s").expect("a limit"));
        vary(&|case| case.args = no_arguments());
        vary(&|case| case.args["path"] = "elsewhere".into());
        vary(&|case| case.provenance.clear());
        vary(&|case| {
            case.provenance
                .insert("path".to_owned(), Provenance::from_iter([policy::Source::Http("evil.test".to_owned())]));
        });
        vary(&|case| case.chosen.insert(policy::Source::Http("evil.test".to_owned())));
        vary(&|case| case.shared = case.offered.iter().map(|(name, _)| name.clone()).collect());
        vary(&|case| {
            let class = policy::Class { trust: Some(policy::Trust::Untrusted), sensitivity: None };
            case.sources = Arc::new(FromIterator::from_iter([("plan".parse().expect("a source"), class)]));
        });
        vary(&|case| case.spent.calls += 1_000);
        vary(&|case| case.spent.cpu_ms += 1_000_000);
        vary(&|case| case.spent.written_bytes = u64::MAX);
        all
    }
}

impl Expected {
    pub(crate) fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow { grant } => Self::Allow(Allow {
                mounts: grant.mounts().to_vec(),
                env: grant.env().clone(),
                clock: grant.clock(),
                random: grant.random(),
                policies: grant.policies().to_vec(),
            }),
            Decision::Ask { approvers, policies } => {
                Self::Ask(Ask { approvers: approvers.clone(), policies: policies.clone() })
            }
            Decision::Deny(denial) => Self::Deny(denial.refused.clone()),
        }
    }
}

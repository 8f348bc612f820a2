//! Decisions that were made before.

use super::{
    judge::Answer,
    request::{Observed, Request},
};
use crate::{Access, Asks, Classification, Limits, MountName, Narrow, Needs, Principal, ToolId};
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

/// Decisions kept at once. Beyond it all are forgotten, which costs less than remembering which was used when.
const MAX_ENTRIES: usize = 4096;
/// Larger requests are decided anew each time, so that all that is kept stays below 16 MiB.
const MAX_KEY_BYTES: usize = 4096;

/// Everything that a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    tenant: Cow<'a, str>,
    roles: Cow<'a, [String]>,
    principal: Cow<'a, Principal>,
    tool: Cow<'a, ToolId>,
    digest: Cow<'a, str>,
    needs: Cow<'a, Needs>,
    mounts: Cow<'a, [(MountName, Access)]>,
    env: Cow<'a, BTreeSet<String>>,
    narrow: Cow<'a, Narrow>,
    limits: Limits,
    shared: Cow<'a, BTreeSet<MountName>>,
    /// What is asked while a call runs is told by it.
    classification: Arc<Classification>,
    observed: Observed<'a>,
}

impl<'a> Key<'a> {
    pub(super) fn new(request: &Request<'a>, observed: Observed<'a>) -> Self {
        // Named one by one, so that a new part of a request cannot be forgotten here. Some of the last are in `observed`.
        let Request {
            tenant,
            roles,
            principal,
            tool,
            digest,
            needs,
            mounts,
            env,
            narrow,
            limits,
            shared,
            args: _,
            provenance: _,
            chosen: _,
            classification,
            spent: _,
            // What is called from within a call is decided on each time.
            within: _,
        } = *request;
        Self {
            tenant: tenant.into(),
            roles: roles.into(),
            principal: Cow::Borrowed(principal),
            tool: Cow::Borrowed(tool),
            digest: digest.into(),
            needs: Cow::Borrowed(needs),
            mounts: mounts.into(),
            env: Cow::Borrowed(env),
            narrow: Cow::Borrowed(narrow),
            limits,
            shared: Cow::Borrowed(shared),
            classification: Arc::clone(classification),
            observed,
        }
    }

    pub(super) fn observed(&self) -> &Observed<'a> {
        &self.observed
    }

    fn into_owned(self) -> Key<'static> {
        Key {
            tenant: self.tenant.into_owned().into(),
            roles: self.roles.into_owned().into(),
            principal: Cow::Owned(self.principal.into_owned()),
            tool: Cow::Owned(self.tool.into_owned()),
            digest: self.digest.into_owned().into(),
            needs: Cow::Owned(self.needs.into_owned()),
            mounts: self.mounts.into_owned().into(),
            env: Cow::Owned(self.env.into_owned()),
            narrow: Cow::Owned(self.narrow.into_owned()),
            limits: self.limits,
            shared: Cow::Owned(self.shared.into_owned()),
            classification: self.classification,
            observed: self.observed.into_owned(),
        }
    }

    /// About the bytes that the key's texts take.
    fn bytes(&self) -> usize {
        let texts = |set: &BTreeSet<String>| set.iter().map(String::len).sum::<usize>();
        let narrowed =
            self.narrow.mounts.iter().flatten().map(|(name, mount)| name.as_str().len() + mount.path.as_str().len());
        self.tenant.len()
            + self.roles.iter().map(String::len).sum::<usize>()
            + self.digest.len()
            + self.needs.env.as_ref().map_or(0, texts)
            + self.mounts.iter().map(|(name, _)| name.as_str().len()).sum::<usize>()
            + texts(&self.env)
            + narrowed.sum::<usize>()
            + self.narrow.env.as_ref().map_or(0, texts)
            + asks(&self.narrow.asks(&self.needs))
            + self.observed.bytes()
    }
}

/// About the bytes that what can be asked for takes, which is little: a few patterns.
fn asks(asks: &Asks) -> usize {
    const PATTERN: usize = 64;
    let Asks { http, tcp, udp, listen, secrets, invoke, exec } = asks;
    let hosts = http.len() + tcp.len() + udp.len() + listen.len();
    (hosts + secrets.len() + invoke.len() + exec.len()) * PATTERN
}

/// Answers by all that they depend on.
#[derive(Debug, Default)]
pub(super) struct Cache(RwLock<HashMap<Key<'static>, Answer>>);

impl Cache {
    pub(super) fn get(&self, key: &Key<'_>) -> Option<Answer> {
        // A shorter-lived view of the same map, so that a borrowed key finds an owned one.
        fn find<'a>(map: &HashMap<Key<'a>, Answer>, key: &Key<'a>) -> Option<Answer> {
            map.get(key).cloned()
        }
        find(&self.0.read().unwrap_or_else(PoisonError::into_inner), key)
    }

    pub(super) fn insert(&self, key: Key<'_>, answer: Answer) {
        if key.bytes() > MAX_KEY_BYTES {
            return;
        }
        let key = key.into_owned();
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_ENTRIES {
            map.clear();
        }
        map.insert(key, answer);
    }
}

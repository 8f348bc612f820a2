//! Secrets: what the host puts into requests, and what nobody else may see.

use crate::redact::{BadSecret, Redactor};
use policy::SecretName;
use secrecy::{ExposeSecret as _, SecretString};
use std::{collections::BTreeMap, sync::Arc};

/// The secrets of a world. Their bytes are wiped when the last of its users is gone.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Arc<BTreeMap<SecretName, SecretString>>,
    redactor: Redactor,
}

impl Secrets {
    /// Takes them over.
    ///
    /// # Errors
    /// Where one is too short to be recognised in what comes back, or too long to be looked for.
    pub fn new(values: BTreeMap<SecretName, SecretString>) -> Result<Self, BadSecret> {
        let secrets = values.iter().map(|(name, value)| (name.as_str(), value.expose_secret().as_bytes()));
        let redactor = Redactor::new(secrets)?;
        Ok(Self { values: Arc::new(values), redactor })
    }

    /// The names that there are.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.values.keys()
    }

    pub(crate) fn get(&self, name: &SecretName) -> Option<&SecretString> {
        self.values.get(name)
    }

    /// What masks them wherever they come back.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

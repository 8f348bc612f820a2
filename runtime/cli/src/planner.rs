//! The planner of a plan: which model it is, and with what it is asked.

use crate::secrets;
use anyhow::{Context as _, Result, bail};
use controller::{Heard, Plan, Planner};
use journal::{NetworkSettings, Secrets};
use model::{Endpoint, Patience, RemoteModel};
use std::{fs, sync::Arc};
use url::Url;

/// Sets it up; `None` where the plan has all its steps. Nothing is sent.
pub(crate) fn of(
    plan: &Plan,
    places: &Secrets,
    network: &NetworkSettings,
    heard: Arc<Heard<'static>>,
) -> Result<Option<Planner>> {
    let Some(settings) = plan.planner.clone() else { return Ok(None) };
    let api = settings.api.parse().context("planner.api")?;
    let url: Url = settings.url.parse().with_context(|| format!("planner.url: `{}`", settings.url))?;
    let key = match &settings.key {
        None => None,
        Some(name) => match places.get(name) {
            Some(place) => Some(secrets::one(place).with_context(|| format!("secret `{name}`"))?),
            None => bail!("planner.key: there is no secret `{name}`; name it in `[secrets]`"),
        },
    };
    let mut certificates = Vec::new();
    for file in &network.certificates {
        certificates.push(fs::read(file).with_context(|| format!("certificates {file}"))?);
    }
    let model = settings.model.clone();
    let endpoint = Endpoint { api, url, model, key, certificates, patience: Patience::default() };
    let model = Arc::new(RemoteModel::new(endpoint).context("planner")?);
    Ok(Some(Planner { settings, model, heard }))
}

//! The tools over MCP: the revisions 2026-07-28, 2025-11-25 and 2025-06-18; and tasks over HTTP, for people.
//!
//! The only crate that knows either. It translates and nothing more: what a client may call, and with what, is decided
//! by the [`Gate`], and nothing that a client sends changes that.

mod answer;
mod drain;
mod listing;
mod people;

use controller::Gate;
use drain::Draining;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::async_rw::AsyncRwTransport,
};
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};

pub use people::{Office, serve_people};
pub use rmcp::transport::io::stdio_pipes as stdio;

/// The revisions that are spoken; clients of older ones are answered in the newest of them.
const REVISIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// Why serving ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The client did not begin as the protocol asks.
    #[error("the MCP session could not begin: {0}")]
    Begin(String),
    /// The task that serves panicked.
    #[error("the MCP session broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Serves one client until its input ends. Requests that came before the end are still answered, for
/// [`drain::GRACE`] at most.
///
/// # Errors
/// Where the session could not begin, or broke off.
pub async fn serve(
    gate: Arc<Gate>,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), ServeError> {
    let transport = Draining::new(AsyncRwTransport::new_server(input, output));
    let service = Tools { listing: listing::tools(&gate), gate };
    match service.serve(transport).await {
        Ok(running) => running.waiting().await.map(drop).map_err(ServeError::Broken),
        // A client that goes away before it says anything is no fault of anybody's.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(ServeError::Begin(error.to_string())),
    }
}

#[derive(Clone)]
struct Tools {
    gate: Arc<Gate>,
    listing: Vec<Tool>,
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("gloveport", env!("CARGO_PKG_VERSION")))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&REVISIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.listing.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let unknown = || ErrorData::invalid_params(format!("there is no tool `{}`", short(&request.name)), None);
        let id = request.name.parse().map_err(|_| unknown())?;
        let tool = self.gate.tool(&id).ok_or_else(unknown)?;
        let args = Value::Object(request.arguments.unwrap_or_default());
        let cancelled = async move { context.ct.cancelled().await };
        let answer = Arc::clone(&self.gate).call_apart(Arc::clone(tool), args, cancelled).await;
        answer::result(answer).map(CallToolResponse::Complete)
    }
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

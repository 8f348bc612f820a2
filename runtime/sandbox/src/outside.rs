//! What a call needs of the host beyond its own instance and its mounts: what leaves this machine or this call.

use crate::{
    doors::{
        host::{Asking, InvokeError},
        http::Requests,
        sockets::Sockets,
    },
    ledger::Ledger,
    process::Process,
    stage::{NotStarted, Progress, Running, Stage},
};
use http::{Request, Response};
use policy::{Limits, ToolId};
use serde_json::Value;
use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};
use wasmtime_wasi::{p2::bindings::sockets::network::ErrorCode, sockets::SocketAddrUse};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// An answer that takes a while.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The host's side of the doors that lead outside: in this process, or at the other end of a worker's line. Nothing here
/// runs on a guest's stack, on which policy has not the room that it looks for.
pub(crate) trait Outside: Send + Sync {
    /// Sends a request, once policy allows it.
    fn send(&self, request: Request<WasiBody>, options: RequestOptions) -> Later<Result<Response<WasiBody>, Error>>;

    /// Calls another tool, once policy allows it; `left` is what is left of the asking call's limits.
    fn invoke(&self, tool: ToolId, arguments: Value, left: Limits) -> Later<Result<String, InvokeError>>;

    /// Starts a program, once policy allows it.
    fn start(&self, launch: Launch) -> Later<Result<Running, NotStarted>>;

    /// The id of the tool that a program's name leads to.
    fn find(&self, program: String) -> Later<Option<String>>;

    /// The names of all programs.
    fn programs(&self) -> Later<Vec<String>>;

    /// Tells how far the call has come.
    fn progress(&self, progress: Progress);

    /// Whether a socket may be used so.
    fn allows(&self, address: SocketAddr, why: SocketAddrUse) -> Later<bool>;

    /// An address of a name, for sockets.
    fn look_up(&self, name: String) -> Later<Result<IpAddr, ErrorCode>>;
}

/// A program that is to start.
pub(crate) struct Launch {
    pub(crate) args: Vec<String>,
    pub(crate) process: Process,
    /// What is left of the starting call's limits.
    pub(crate) left: Limits,
}

/// In this process.
pub(crate) struct Here {
    pub(crate) requests: Requests,
    pub(crate) sockets: Sockets,
    pub(crate) asking: Asking,
    pub(crate) stage: Option<Arc<dyn Stage>>,
}

impl Outside for Here {
    fn send(&self, request: Request<WasiBody>, options: RequestOptions) -> Later<Result<Response<WasiBody>, Error>> {
        let requests = self.requests.clone();
        Box::pin(async move { requests.send(request, options).await })
    }

    fn invoke(&self, tool: ToolId, arguments: Value, left: Limits) -> Later<Result<String, InvokeError>> {
        Box::pin(self.asking.clone().invoke(tool, arguments, left))
    }

    fn start(&self, launch: Launch) -> Later<Result<Running, NotStarted>> {
        Box::pin(self.asking.clone().start(launch))
    }

    fn find(&self, program: String) -> Later<Option<String>> {
        let found = self.stage.as_ref().and_then(|stage| stage.find(&program)).map(|tool| tool.to_string());
        Box::pin(std::future::ready(found))
    }

    fn programs(&self) -> Later<Vec<String>> {
        let programs = self.stage.as_ref().map_or_else(Vec::new, |stage| stage.programs());
        Box::pin(std::future::ready(programs))
    }

    fn progress(&self, progress: Progress) {
        if let Some(stage) = &self.stage {
            stage.progress(progress);
        }
    }

    fn allows(&self, address: SocketAddr, why: SocketAddrUse) -> Later<bool> {
        let sockets = self.sockets.clone();
        Box::pin(async move { sockets.allows(address, why) })
    }

    fn look_up(&self, name: String) -> Later<Result<IpAddr, ErrorCode>> {
        let sockets = self.sockets.clone();
        Box::pin(async move { sockets.look_up(&name).await })
    }
}

impl Here {
    /// The account of the call, where all of it is counted.
    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.requests.ledger
    }
}

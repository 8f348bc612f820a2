//! TCP as the engine has it, with what goes through connections counted.

use super::streams::{Received, Sent};
use crate::ledger::{Connection, Ledger};
use std::{collections::HashMap, sync::Arc};
use wasmtime::component::Resource;
use wasmtime_wasi::{
    p2::{
        DynInputStream, DynOutputStream, DynPollable, SocketError, SocketResult,
        bindings::sockets::{
            network::{self, ErrorCode, IpAddressFamily, IpSocketAddress, Network},
            tcp::{self, HostTcpSocket, ShutdownType, TcpSocket},
        },
    },
    sockets::WasiSocketsCtxView,
};

/// One call's view of its sockets.
pub(crate) struct SocketDoor<'a> {
    pub(crate) inner: WasiSocketsCtxView<'a>,
    pub(crate) ledger: &'a Arc<Ledger>,
    /// Which sockets have a place among what is under way at once.
    pub(crate) places: &'a mut HashMap<u32, Connection>,
}

type Socket = Resource<TcpSocket>;
type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

impl SocketDoor<'_> {
    /// Counts a connection from when it is asked for until its socket is dropped.
    fn take_place(&mut self, socket: &Socket) -> SocketResult<()> {
        let place = self.ledger.connection().map_err(SocketError::trap)?;
        self.places.insert(socket.rep(), place);
        Ok(())
    }

    /// Puts counting streams in place of the engine's.
    fn counted(&mut self, socket: &Socket, (input, output): Streams) -> SocketResult<Streams> {
        let input = self.inner.table.delete(input)?;
        let output = self.inner.table.delete(output)?;
        let input: DynInputStream = Box::new(Received { inner: input, ledger: Arc::clone(self.ledger) });
        let output: DynOutputStream = Box::new(Sent { inner: output, ledger: Arc::clone(self.ledger) });
        Ok((self.inner.table.push_child(input, socket)?, self.inner.table.push_child(output, socket)?))
    }
}

fn borrow(socket: &Socket) -> Socket {
    Resource::new_borrow(socket.rep())
}

/// Methods that do what the engine does.
macro_rules! as_the_engine {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => { $(
        fn $name(&mut self, this: Socket $(, $argument: $type)*) -> $result {
            self.inner.$name(this $(, $argument)*)
        }
    )* };
}

impl tcp::Host for SocketDoor<'_> {}

impl HostTcpSocket for SocketDoor<'_> {
    async fn start_bind(
        &mut self,
        this: Socket,
        network: Resource<Network>,
        local: IpSocketAddress,
    ) -> SocketResult<()> {
        self.inner.start_bind(this, network, local).await
    }

    async fn start_listen(&mut self, this: Socket) -> SocketResult<()> {
        self.inner.start_listen(this).await
    }

    fn start_connect(&mut self, this: Socket, network: Resource<Network>, remote: IpSocketAddress) -> SocketResult<()> {
        self.take_place(&this)?;
        self.inner.start_connect(this, network, remote)
    }

    fn finish_connect(&mut self, this: Socket) -> SocketResult<Streams> {
        let streams = self.inner.finish_connect(borrow(&this))?;
        self.counted(&this, streams)
    }

    fn accept(&mut self, this: Socket) -> SocketResult<(Socket, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let (socket, input, output) = self.inner.accept(this)?;
        self.take_place(&socket)?;
        let (input, output) = self.counted(&socket, (input, output))?;
        Ok((socket, input, output))
    }

    as_the_engine! {
        finish_bind() -> SocketResult<()>;
        finish_listen() -> SocketResult<()>;
        local_address() -> SocketResult<IpSocketAddress>;
        remote_address() -> SocketResult<IpSocketAddress>;
        is_listening() -> wasmtime::Result<bool>;
        address_family() -> wasmtime::Result<IpAddressFamily>;
        set_listen_backlog_size(value: u64) -> SocketResult<()>;
        keep_alive_enabled() -> SocketResult<bool>;
        set_keep_alive_enabled(value: bool) -> SocketResult<()>;
        keep_alive_idle_time() -> SocketResult<u64>;
        set_keep_alive_idle_time(value: u64) -> SocketResult<()>;
        keep_alive_interval() -> SocketResult<u64>;
        set_keep_alive_interval(value: u64) -> SocketResult<()>;
        keep_alive_count() -> SocketResult<u32>;
        set_keep_alive_count(value: u32) -> SocketResult<()>;
        hop_limit() -> SocketResult<u8>;
        set_hop_limit(value: u8) -> SocketResult<()>;
        receive_buffer_size() -> SocketResult<u64>;
        set_receive_buffer_size(value: u64) -> SocketResult<()>;
        send_buffer_size() -> SocketResult<u64>;
        set_send_buffer_size(value: u64) -> SocketResult<()>;
        subscribe() -> wasmtime::Result<Resource<DynPollable>>;
        shutdown(kind: ShutdownType) -> SocketResult<()>;
    }

    fn drop(&mut self, this: Socket) -> wasmtime::Result<()> {
        self.places.remove(&this.rep());
        HostTcpSocket::drop(&mut self.inner, this)
    }
}

impl network::Host for SocketDoor<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.inner, error)
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.inner, error)
    }
}

impl network::HostNetwork for SocketDoor<'_> {
    fn drop(&mut self, this: Resource<Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.inner, this)
    }
}

//! UDP as the engine has it, with datagrams counted.

use super::SocketDoor;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynPollable, SocketError, SocketResult,
    bindings::sockets::{
        network::{IpAddressFamily, IpSocketAddress, Network},
        udp::{
            self, HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket, IncomingDatagram,
            IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
        },
    },
};

type Socket = Resource<UdpSocket>;
type Incoming = Resource<IncomingDatagramStream>;
type Outgoing = Resource<OutgoingDatagramStream>;

/// Methods that do what the engine does.
macro_rules! as_the_engine {
    ($this:ty: $($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => { $(
        fn $name(&mut self, this: $this $(, $argument: $type)*) -> $result {
            self.inner.$name(this $(, $argument)*)
        }
    )* };
}

impl udp::Host for SocketDoor<'_> {}

impl HostUdpSocket for SocketDoor<'_> {
    async fn start_bind(
        &mut self,
        this: Socket,
        network: Resource<Network>,
        local: IpSocketAddress,
    ) -> SocketResult<()> {
        HostUdpSocket::start_bind(&mut self.inner, this, network, local).await
    }

    async fn stream(&mut self, this: Socket, remote: Option<IpSocketAddress>) -> SocketResult<(Incoming, Outgoing)> {
        self.inner.stream(this, remote).await
    }

    fn finish_bind(&mut self, this: Socket) -> SocketResult<()> {
        HostUdpSocket::finish_bind(&mut self.inner, this)
    }

    fn local_address(&mut self, this: Socket) -> SocketResult<IpSocketAddress> {
        HostUdpSocket::local_address(&mut self.inner, this)
    }

    fn remote_address(&mut self, this: Socket) -> SocketResult<IpSocketAddress> {
        HostUdpSocket::remote_address(&mut self.inner, this)
    }

    fn address_family(&mut self, this: Socket) -> wasmtime::Result<IpAddressFamily> {
        HostUdpSocket::address_family(&mut self.inner, this)
    }

    fn receive_buffer_size(&mut self, this: Socket) -> SocketResult<u64> {
        HostUdpSocket::receive_buffer_size(&mut self.inner, this)
    }

    fn set_receive_buffer_size(&mut self, this: Socket, value: u64) -> SocketResult<()> {
        HostUdpSocket::set_receive_buffer_size(&mut self.inner, this, value)
    }

    fn send_buffer_size(&mut self, this: Socket) -> SocketResult<u64> {
        HostUdpSocket::send_buffer_size(&mut self.inner, this)
    }

    fn set_send_buffer_size(&mut self, this: Socket, value: u64) -> SocketResult<()> {
        HostUdpSocket::set_send_buffer_size(&mut self.inner, this, value)
    }

    fn subscribe(&mut self, this: Socket) -> wasmtime::Result<Resource<DynPollable>> {
        HostUdpSocket::subscribe(&mut self.inner, this)
    }

    fn drop(&mut self, this: Socket) -> wasmtime::Result<()> {
        HostUdpSocket::drop(&mut self.inner, this)
    }

    as_the_engine! { Socket:
        unicast_hop_limit() -> SocketResult<u8>;
        set_unicast_hop_limit(value: u8) -> SocketResult<()>;
    }
}

impl HostIncomingDatagramStream for SocketDoor<'_> {
    fn receive(&mut self, this: Incoming, max: u64) -> SocketResult<Vec<IncomingDatagram>> {
        let datagrams = self.inner.receive(this, max)?;
        let bytes: usize = datagrams.iter().map(|datagram| datagram.data.len()).sum();
        self.ledger.receive(bytes as u64).map_err(SocketError::trap)?;
        Ok(datagrams)
    }

    fn subscribe(&mut self, this: Incoming) -> wasmtime::Result<Resource<DynPollable>> {
        HostIncomingDatagramStream::subscribe(&mut self.inner, this)
    }

    fn drop(&mut self, this: Incoming) -> wasmtime::Result<()> {
        HostIncomingDatagramStream::drop(&mut self.inner, this)
    }
}

impl HostOutgoingDatagramStream for SocketDoor<'_> {
    fn check_send(&mut self, this: Outgoing) -> SocketResult<u64> {
        self.inner.check_send(this)
    }

    fn send(&mut self, this: Outgoing, datagrams: Vec<OutgoingDatagram>) -> SocketResult<u64> {
        let bytes: usize = datagrams.iter().map(|datagram| datagram.data.len()).sum();
        self.ledger.send(bytes as u64).map_err(SocketError::trap)?;
        self.inner.send(this, datagrams)
    }

    fn subscribe(&mut self, this: Outgoing) -> wasmtime::Result<Resource<DynPollable>> {
        HostOutgoingDatagramStream::subscribe(&mut self.inner, this)
    }

    async fn drop(&mut self, this: Outgoing) -> wasmtime::Result<()> {
        HostOutgoingDatagramStream::drop(&mut self.inner, this).await
    }
}

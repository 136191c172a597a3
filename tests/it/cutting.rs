//! A network that breaks: a TCP tunnel to one server that resets every connection again and again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// A tunnel. Dropped, it closes its port.
pub(crate) struct Tunnel {
    /// Where to go in, as `http://HOST:PORT`.
    pub(crate) url: String,
    cut: broadcast::Sender<()>,
    broken: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Tunnel {
    /// A tunnel to `address`, which is `HOST:PORT`.
    pub(crate) async fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (cut, broken) = (broadcast::Sender::new(1), Arc::<AtomicUsize>::default());
        let accepting = tokio::spawn(accept(listener, address.to_owned(), cut.clone(), Arc::clone(&broken)));
        Self { url, cut, broken, accepting }
    }

    /// Resets all connections every `period`, as long as this is polled.
    pub(crate) async fn cut_every(&self, period: Duration) {
        let mut times = tokio::time::interval(period);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        times.tick().await; // the first one is now
        loop {
            times.tick().await;
            let _ = self.cut.send(()); // no connection, nothing to reset
        }
    }

    /// How many connections were reset.
    pub(crate) fn broken(&self) -> usize {
        self.broken.load(Ordering::Relaxed)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, to: String, cut: broadcast::Sender<()>, broken: Arc<AtomicUsize>) {
    while let Ok((client, _)) = listener.accept().await {
        let (to, mut cut, broken) = (to.clone(), cut.subscribe(), Arc::clone(&broken));
        tokio::spawn(async move {
            let mut client = client;
            tokio::select! {
                // How a side ends is its own affair.
                _ = pass(&mut client, &to) => {}
                _ = cut.recv() => {
                    broken.fetch_add(1, Ordering::Relaxed);
                    drop(client.set_zero_linger()); // dropped, it is reset
                }
            }
        });
    }
}

async fn pass(client: &mut TcpStream, to: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(client, &mut server).await?;
    Ok(())
}

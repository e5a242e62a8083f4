//! A document behind a URL: one GET on a connection of its own, over TLS.

use core::error::Error;
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, ETAG, HOST, IF_NONE_MATCH, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{DocumentSource, FetchError, Fetched};

/// Seconds for one document, from the first look at its server's name to its last byte.
const TIMEOUT_S: u64 = 10;

/// A document at a URL. Certificates are checked by those that this machine trusts, redirections are not
/// followed, and after ten seconds it is given up.
pub struct UrlSource {
    url: Uri,
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

/// A URL that is not followed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotASource {
    /// Not a URL with a host.
    Url,
    /// Without TLS, and not to this machine.
    NotHttps,
    /// What this machine trusts cannot be read; in the words of the system.
    Certificates(String),
}

impl fmt::Display for NotASource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("this is no URL with a host"),
            Self::NotHttps => f.write_str(
                "a document is fetched by `https`; `http` is for addresses of this machine",
            ),
            Self::Certificates(why) => {
                write!(f, "no trusted certificates on this machine: {why}")
            }
        }
    }
}

impl core::error::Error for NotASource {}

impl fmt::Debug for UrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlSource({})", self.url)
    }
}

impl UrlSource {
    /// The document at `url`: `https`, or `http` on this machine.
    ///
    /// # Errors
    /// If it is neither, or this machine trusts no certificate.
    pub fn new(url: &str) -> Result<Self, NotASource> {
        let mut source = Self::without_roots(url)?;
        if source.tls.is_some() {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            let (taken, _) = roots.add_parsable_certificates(found.certs);
            if taken == 0 {
                let why = found.errors.first().map(ToString::to_string);
                return Err(NotASource::Certificates(why.unwrap_or_default()));
            }
            source.tls = Some(config(roots)?);
        }
        Ok(source)
    }

    /// The document at `url`, whose server's certificate `root` signed, in DER, and no other authority.
    ///
    /// # Errors
    /// If it is no URL to follow, or no certificate.
    pub fn with_root(url: &str, root: &[u8]) -> Result<Self, NotASource> {
        let mut source = Self::without_roots(url)?;
        if source.tls.is_some() {
            let mut roots = RootCertStore::empty();
            let added = roots.add(CertificateDer::from(root.to_vec()));
            added.map_err(|error| NotASource::Certificates(error.to_string()))?;
            source.tls = Some(config(roots)?);
        }
        Ok(source)
    }

    /// Gives up after so many seconds.
    #[must_use]
    pub const fn with_timeout_s(mut self, timeout_s: u64) -> Self {
        self.timeout = Duration::from_secs(timeout_s);
        self
    }

    fn without_roots(url: &str) -> Result<Self, NotASource> {
        let url: Uri = url.parse().map_err(|_| NotASource::Url)?;
        let host = url.host().ok_or(NotASource::Url)?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty()
            || url
                .authority()
                .is_some_and(|all| all.as_str().contains('@'))
        {
            return Err(NotASource::Url);
        }
        let tls = match url.scheme_str() {
            Some("https") => Some(config(RootCertStore::empty())?),
            Some("http") if is_here(&host) => None,
            _ => return Err(NotASource::NotHttps),
        };
        let port = url
            .port_u16()
            .unwrap_or(if tls.is_some() { 443 } else { 80 });
        Ok(Self {
            url,
            host,
            port,
            tls,
            timeout: Duration::from_secs(TIMEOUT_S),
        })
    }

    fn connect(&self, deadline: Deadline) -> io::Result<Box<dyn Stream>> {
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, deadline.left()?) {
                Ok(stream) => return self.secured(Timed { stream, deadline }),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn secured(&self, stream: Timed) -> io::Result<Box<dyn Stream>> {
        let Some(config) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(config), name);
        let connection = connection.map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }

    fn request(&self, tag: Option<&str>) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let host = self.url.authority().map_or("", |host| host.as_str());
        let mut request = Request::get(path)
            .header(HOST, host)
            .header(USER_AGENT, "kavach-token")
            .header(CONNECTION, "close");
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        request.body(Empty::new())
    }
}

impl DocumentSource for UrlSource {
    fn fetch(&mut self, tag: Option<&str>, bytes_max: usize) -> Result<Fetched, FetchError> {
        let deadline = Deadline::after(self.timeout);
        let stream = self.connect(deadline).map_err(failed)?;
        let request = self.request(tag).map_err(failed)?;
        let asked = false;
        let exchange = exchange(Blocking { stream, asked }, request, bytes_max);
        wait(exchange, deadline)?
    }
}

fn failed(error: impl Error) -> FetchError {
    told(&error)
}

/// The error with all its causes: the first of them says little, and the last which certificate was refused.
fn told(error: &dyn Error) -> FetchError {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(": ");
        said.push_str(&error.to_string());
        cause = error.source();
    }
    FetchError::Failed(said)
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, NotASource> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NotASource::Certificates(error.to_string()))?;
    Ok(Arc::new(
        config.with_root_certificates(roots).with_no_client_auth(),
    ))
}

fn is_here(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Sends the request and reads the answer.
async fn exchange(
    stream: Blocking,
    request: Request<Empty<Bytes>>,
    bytes_max: usize,
) -> Result<Fetched, FetchError> {
    let (mut sender, connection) = http1::handshake(stream).await.map_err(failed)?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(request).await.map_err(failed)?;
        read(response, bytes_max).await
    });
    let mut over = false;
    poll_fn(|context| {
        if let Poll::Ready(answer) = answer.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        // An error here is an error of the answer too, and told there.
        if !over {
            over = connection.as_mut().poll(context).is_ready();
        }
        answer.as_mut().poll(context)
    })
    .await
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Fetched, FetchError> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED => return Ok(Fetched::Same),
        status => return Err(FetchError::Status(status.as_u16())),
    }
    let tag = response.headers().get(ETAG);
    let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = Limited::new(response.into_body(), bytes_max)
        .collect()
        .await;
    let body = body.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            FetchError::TooLarge
        } else {
            told(&*error)
        }
    })?;
    let text = String::from_utf8(body.to_bytes().to_vec()).map_err(|_| FetchError::NotText)?;
    Ok(Fetched::New { text, tag })
}

/// Drives `work` to its end on this thread. Whatever it waits for blocks in [`Blocking`], so that each round
/// gets something done, or the deadline ends it.
fn wait<T>(work: impl Future<Output = T>, deadline: Deadline) -> Result<T, FetchError> {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return Ok(done);
        }
        deadline.left().map_err(failed)?;
    }
}

/// When to give up.
#[derive(Clone, Copy)]
struct Deadline(Instant);

impl Deadline {
    fn after(timeout: Duration) -> Self {
        Self(instant() + timeout)
    }

    fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(instant());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a server may take is about this machine's time; no decision hangs on it"
)]
fn instant() -> Instant {
    Instant::now()
}

/// A connection, with or without TLS.
trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A connection on which everything together has to end in time.
struct Timed {
    stream: TcpStream,
    deadline: Deadline,
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.deadline.left()?))?;
        self.stream.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.deadline.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What blocks, for what would rather be woken.
struct Blocking {
    stream: Box<dyn Stream>,
    /// Before anything is asked there is nothing to read, and waiting for it would be for ever.
    asked: bool,
}

impl hyper::rt::Read for Blocking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        mut buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        let mut bytes = [0; 8 * 1024];
        let room = buffer.remaining().min(bytes.len());
        let read = self.stream.read(bytes.get_mut(..room).unwrap_or_default());
        let read = read.map(|count| buffer.put_slice(bytes.get(..count).unwrap_or_default()));
        Poll::Ready(match read {
            // Many servers close without saying so, which HTTP tells from a cut by the length it announced.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        })
    }
}

impl hyper::rt::Write for Blocking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        Poll::Ready(self.stream.write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

//! Why an upstream gave no answer, in words for whoever called and whoever can do something.

use std::error::Error;
use std::time::Duration;

use mcpass_domain::Timestamp;
use mcpass_stdio::StdioError;

/// Why an upstream gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// All connections are in use.
    #[error(
        "all of its {max} connections were in use for {waited:?}; call it less at once, or give \
         it more with `--max-connections`"
    )]
    Busy {
        /// Connections at most.
        max: usize,
        /// How long it was waited for one.
        waited: Duration,
    },
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    /// No connection within the time allowed.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// No answer within the time allowed.
    #[error("no answer within {0:?}")]
    FirstByteTimeout(Duration),
    /// The connection broke, or what came was no HTTP.
    #[error("the connection broke or did not speak HTTP: {0}")]
    Http(#[source] hyper::Error),
    /// It is left alone for a while.
    #[error(
        "it is left alone since {since}, because {failures} calls in a row failed, the last one \
         so: {problem}; it is tried again at {retry_at}"
    )]
    Resting {
        /// When the circuit opened.
        since: Timestamp,
        /// So many failures opened it.
        failures: u32,
        /// The last failure.
        problem: String,
        /// When the next call is let through.
        retry_at: Timestamp,
    },
    /// As many streams are open as may be.
    #[error(
        "{open} streams are open there, and the rest of its {max} connections is kept for calls; \
         close some, or give it more with `--max-connections`"
    )]
    Streams {
        /// Open streams.
        open: usize,
        /// Connections at most.
        max: usize,
    },
    /// A child process gave no answer.
    #[error(transparent)]
    Stdio(#[from] StdioError),
    /// The two sides do not trust each other.
    #[error("no secure connection: {0}")]
    Tls(String),
}

impl SendError {
    /// Whether it was a matter of time.
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::ConnectTimeout(_) | Self::FirstByteTimeout(_) => true,
            Self::Stdio(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether it tells of the upstream, and not of mcpass's own bounds.
    pub(super) const fn tells_of_the_upstream(&self) -> bool {
        !matches!(self, Self::Busy { .. } | Self::Resting { .. } | Self::Streams { .. })
    }

    /// A connection attempt that may go well the next moment: somebody restarts.
    pub(super) fn is_passing(&self) -> bool {
        use std::io::ErrorKind;
        matches!(self, Self::Connect(error) if matches!(
            error.kind(),
            ErrorKind::BrokenPipe
                | ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::UnexpectedEof
        ))
    }

    /// The upstream has said that it did not look at the request (RFC 9113, section 8.7).
    pub(super) fn is_unprocessed(&self) -> bool {
        let Self::Http(error) = self else { return false };
        let refused = |error: &h2::Error| error.reason() == Some(h2::Reason::REFUSED_STREAM);
        causes(error).filter_map(|cause| cause.downcast_ref()).any(refused)
    }

    /// What hyper says; an alert of TLS, which only arrives with the first answer in TLS 1.3, is
    /// told as such.
    pub(super) fn http(error: hyper::Error) -> Self {
        let alert = causes(&error).find_map(|cause| {
            let text = cause.to_string();
            let (_, alert) = text.split_once("received fatal alert: ")?;
            Some(alert.to_owned())
        });
        match alert {
            Some(alert) => Self::refused(&alert),
            None => Self::Http(error),
        }
    }

    /// The upstream has ended the connection with this alert of TLS.
    pub(super) fn refused(alert: &str) -> Self {
        Self::Tls(refusal(alert))
    }

    /// What a TLS handshake says. `host` is who should be there.
    pub(super) fn handshake(error: std::io::Error, host: &str) -> Self {
        let problem = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match problem {
            Some(problem) => Self::Tls(distrust(problem, host)),
            None => Self::Connect(error),
        }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Why mcpass turned away from the upstream, and what to do.
fn distrust(error: &rustls::Error, host: &str) -> String {
    use rustls::CertificateError as Certificate;
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(Certificate::UnknownIssuer) => {
            "the authority that signed its certificate is not trusted; name the file of that \
             authority's certificate with `--ca`"
                .to_owned()
        }
        Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired; it has to be renewed there".to_owned()
        }
        Tls::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => "its certificate is not valid yet; look at the clocks of both machines".to_owned(),
        Tls::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => format!(
            "its certificate is not for `{host}`; use a URL with a name that the certificate is for"
        ),
        Tls::InvalidCertificate(other) => format!("its certificate cannot be used: {other}"),
        Tls::AlertReceived(alert) => refusal(&format!("{alert:?}")),
        Tls::InvalidMessage(_) => "it does not speak TLS; is its URL an http:// one?".to_owned(),
        other => other.to_string(),
    }
}

/// Why the upstream turned away from mcpass, by the name of its alert (RFC 8446, section 6.2).
fn refusal(alert: &str) -> String {
    match alert {
        "CertificateRequired" | "certificate_required" => {
            "it asks for a client certificate; name one with `--client-cert` and `--client-key`"
                .to_owned()
        }
        "AccessDenied"
        | "BadCertificate"
        | "CertificateExpired"
        | "CertificateRevoked"
        | "CertificateUnknown"
        | "DecryptError"
        | "UnknownCA"
        | "UnsupportedCertificate" => {
            format!(
                "it does not accept mcpass's client certificate (alert {alert}); look at the one \
                 named with `--client-cert`"
            )
        }
        "HandshakeFailure" => "it refuses the handshake (alert HandshakeFailure); it may want a \
                               client certificate (`--client-cert`), or an older TLS than 1.2"
            .to_owned(),
        other => format!("it refuses with the TLS alert {other}"),
    }
}

//! How an upstream's certificate is checked, and which one mcpass shows.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use mcpass_domain::server::{ClientIdentity, HttpUpstream};
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// HTTP/2 where the upstream offers it (RFC 7301; RFC 9113, section 3.2).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A file of an upstream's TLS settings cannot be used. The text holds paths, never keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read as PEM.
    #[error("`{setting}`: the file {path} cannot be read as PEM: {why}")]
    File {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It holds no certificate.
    #[error(
        "`{setting}`: the file {path} holds no certificate; it should have a line \
         `-----BEGIN CERTIFICATE-----`"
    )]
    Empty {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: String,
    },
    /// A certificate cannot be a trust anchor.
    #[error("`--ca`: a certificate in {path} cannot be trusted: {why}")]
    Anchor {
        /// The file.
        path: String,
        /// Why.
        why: rustls::Error,
    },
    /// Certificate and key do not fit.
    #[error(
        "`--client-cert`, `--client-key`: {certificate} and {key} cannot be used together: {why}"
    )]
    Identity {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// Why.
        why: rustls::Error,
    },
}

/// The TLS settings of one upstream. Its files are looked at again before each new connection,
/// because short-lived certificates are replaced where they lie.
#[derive(Debug)]
pub struct Tls {
    ca_file: Option<String>,
    identity: Option<ClientIdentity>,
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    stamps: Stamps,
    config: Arc<ClientConfig>,
}

/// When the files were changed last, and their sizes.
type Stamps = [Option<(SystemTime, u64)>; 3];

impl Tls {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn new(http: &HttpUpstream) -> Result<Self, TlsError> {
        let (ca_file, identity) = (http.ca_file.clone(), http.client_identity.clone());
        let stamps = stamps(ca_file.as_deref(), identity.as_ref());
        let config = load(ca_file.as_deref(), identity.as_ref())?;
        Ok(Self { ca_file, identity, loaded: Mutex::new(Loaded { stamps, config }) })
    }

    /// The settings for a new connection. If the files have changed to what cannot be used, those
    /// from before stay.
    pub fn config(&self) -> Arc<ClientConfig> {
        let stamps = stamps(self.ca_file.as_deref(), self.identity.as_ref());
        let mut loaded = self.loaded.lock();
        if loaded.stamps != stamps {
            match load(self.ca_file.as_deref(), self.identity.as_ref()) {
                Ok(config) => loaded.config = config,
                Err(error) => tracing::error!(%error, "changed TLS files are not put in force"),
            }
            // Told once, and looked at again after the next change.
            loaded.stamps = stamps;
        }
        Arc::clone(&loaded.config)
    }
}

fn stamps(ca_file: Option<&str>, identity: Option<&ClientIdentity>) -> Stamps {
    let paths = [
        ca_file,
        identity.map(|identity| identity.certificate.as_str()),
        identity.map(|identity| identity.key.as_str()),
    ];
    paths.map(|path| {
        let meta = std::fs::metadata(path?).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

fn load(
    ca_file: Option<&str>,
    identity: Option<&ClientIdentity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match ca_file {
        Some(path) => anchors(path)?,
        None => native(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    #[expect(clippy::expect_used, reason = "ring supports the default versions")]
    let builder = versions.expect("ring speaks TLS 1.2 and 1.3").with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates("--client-cert", &identity.certificate)?;
            let key = PrivateKeyDer::from_pem_file(&identity.key)
                .map_err(|why| unreadable("--client-key", &identity.key, &why))?;
            builder.with_client_auth_cert(chain, key).map_err(|why| TlsError::Identity {
                certificate: identity.certificate.clone(),
                key: identity.key.clone(),
                why,
            })?
        }
    };
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

fn anchors(path: &str) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("--ca", path)? {
        roots.add(certificate).map_err(|why| TlsError::Anchor { path: path.to_owned(), why })?;
    }
    Ok(Arc::new(roots))
}

fn certificates(
    setting: &'static str,
    path: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |why| unreadable(setting, path, &why);
    let found = CertificateDer::pem_file_iter(path).map_err(fail)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(fail)?;
    if found.is_empty() {
        return Err(TlsError::Empty { setting, path: path.to_owned() });
    }
    Ok(found)
}

fn unreadable(setting: &'static str, path: &str, why: &rustls::pki_types::pem::Error) -> TlsError {
    use rustls::pki_types::pem::Error;
    let why = match why {
        Error::Io(error) => error.to_string(),
        // Its Debug may hold lines of the file, which may be a key's.
        Error::NoItemsFound => "it holds no private key".to_owned(),
        _ => "it is damaged".to_owned(),
    };
    TlsError::File { setting, path: path.to_owned(), why }
}

/// The operating system's trust anchors, read once: that takes a while.
fn native() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a trust anchor of the operating system cannot be read");
        }
        let (_, unusable) = roots.add_parsable_certificates(found.certs);
        if unusable > 0 {
            tracing::debug!(unusable, "trust anchors that cannot be used");
        }
        Arc::new(roots)
    }))
}

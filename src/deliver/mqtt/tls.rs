//! TLS towards the broker, read and checked at start.

use super::{MqttError, MqttTls};
use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

fn fault(path: &Path, why: &dyn ToString) -> MqttError {
    MqttError::Tls { path: path.to_path_buf(), why: why.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, MqttError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|why| fault(path, &why))?;
    let found = read.collect::<Result<Vec<_>, _>>().map_err(|why| fault(path, &why))?;
    if found.is_empty() {
        return Err(fault(path, &"expected a certificate in PEM, found none"));
    }
    Ok(found)
}

/// TLS 1.2 and 1.3 with the given authority and, when asked for, our own certificate. The provider
/// is named, because a process with two of them linked in has no default and rustls would panic.
///
/// # Errors
/// When a file can't be read, holds no certificate, or does not fit its key.
pub fn client_config(tls: &MqttTls) -> Result<Arc<ClientConfig>, MqttError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.ca_file)? {
        roots.add(certificate).map_err(|why| fault(&tls.ca_file, &why))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| fault(&tls.ca_file, &why))?
        .with_root_certificates(roots);
    let config = match &tls.identity {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|why| fault(key, &why))?;
            config
                .with_client_auth_cert(certificates(chain)?, private)
                .map_err(|why| fault(key, &why))?
        }
    };
    Ok(Arc::new(config))
}

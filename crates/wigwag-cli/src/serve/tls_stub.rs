use std::path::PathBuf;
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}
pub(crate) struct ReloadableTls;
impl ReloadableTls {
    pub(crate) fn load(f: TlsFiles) -> anyhow::Result<Self> {
        anyhow::bail!("TLS {:?} {:?} is not wired in", f.cert, f.key)
    }
    pub(crate) fn source(&self) -> wigwag_net::net::TlsSource {
        unimplemented!()
    }
    pub(crate) fn reload(&self) -> Result<String, String> {
        Err(String::new())
    }
}

//! What the operating system says of this process and of the holders of ports. Linux tells by /proc; elsewhere the
//! answers are `None`.

use std::{fs, net::SocketAddr, path::Path};

/// Resident memory of this process, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Descriptors that this process has open.
pub(crate) fn open_descriptors() -> Option<u64> {
    // Since Linux 6.2 the directory's size is their number; before, it is 0 and they have to be counted.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        count => Some(count),
    }
}

/// Who listens on this address, as far as this user may see it: `"name" (process 123)`.
pub(crate) fn listener_of(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|line| listening_inode(line, address.port()).map(str::to_owned))
    })?;
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.map(|entry| entry.path()).filter(|path| is_process(path));
    let holder = processes.find(|process| holds(process, &wanted))?;
    let name = fs::read_to_string(holder.join("comm")).ok()?;
    Some(format!("{:?} (process {})", name.trim(), holder.file_name()?.to_str()?))
}

/// The inode of a line of /proc/net/tcp, if it is a socket that listens on this port.
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let listening = fields.nth(1)? == "0A";
    let own = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()? == port;
    (listening && own).then(|| fields.nth(5)).flatten()
}

/// `/proc/123`, but not `/proc/self`.
fn is_process(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    descriptors
        .flatten()
        .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == socket))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_process_knows_its_memory_and_descriptors() {
        assert!(resident_bytes().unwrap() > 100_000);
        assert!(open_descriptors().unwrap() >= 3);
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = listener_of(listener.local_addr().unwrap()).unwrap();
        assert!(holder.contains(&format!("(process {})", std::process::id())), "{holder}");
    }
}

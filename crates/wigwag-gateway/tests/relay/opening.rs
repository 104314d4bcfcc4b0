use super::support::*;
#[test]
fn x() {
    let _ = (Upstream::is_left_alone, rig_to, Upstream::at, Peer::read_refusal, Peer::asking_for);
}

//! stub
/// Stub.
#[derive(Clone, Debug, Default)]
pub struct Disk;
impl Disk {
    /// a
    pub fn take_elapsed_us(&mut self) -> u64 {
        0
    }
    /// a
    pub fn set_slowdown_us(&mut self, _: u64) {}
    /// a
    pub fn set_capacity(&mut self, _: u64) {}
    /// a
    pub fn lose_power(&mut self, _: impl FnMut(u64) -> u64) {}
}

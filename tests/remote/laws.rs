//! The laws of workplaces, for workers that get everything by way of a server.

use std::sync::atomic::{AtomicU32, Ordering};

use hobbit::LocalPool;
use hobbit::remote::{Nats, Together};
use hobbit::testing::workplace;
use hobbit::work::Workplace;

use super::server::Server;

#[test]
fn workers_behind_a_server_keep_them() {
    let server = Server::new();
    let made = AtomicU32::new(0);
    workplace(|objective| {
        let name = format!("laws-{}", made.fetch_add(1, Ordering::Relaxed));
        let pool = |machine| LocalPool::new(objective.clone(), 2).machine(machine);
        let pools: Vec<Box<dyn Workplace>> = vec![Box::new(pool(1)), Box::new(pool(2))];
        Together::new(Nats::at(server.address()).study(name), pools)
    });
}

#![no_main]

hobbit_fuzz::target!("live");

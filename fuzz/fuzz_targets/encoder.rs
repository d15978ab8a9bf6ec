#![no_main]

hobbit_fuzz::target!("encoder");

//! Other workplaces than the threads of this process: what goes to them and comes back is plain data, and
//! whatever happens on the way changes no result.

mod groups;
mod laws;
mod orders;
mod remote;

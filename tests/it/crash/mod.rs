//! Actors that fall, a process that is killed, a server that drains.

//! Who can be reached where: the bindings of each address-of-record (RFC 3261 section 10.3).

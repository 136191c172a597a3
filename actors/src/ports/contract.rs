//! The behaviour suites: every implementation of a port passes the same one.

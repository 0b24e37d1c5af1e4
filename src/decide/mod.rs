//! What must sound where, decided purely from network, policy, alert and time.

//! The Socialist Millionaires' Protocol: do both users know the same secret?

"""What tests on the real servers share."""

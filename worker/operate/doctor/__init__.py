"""What can hurt a deployment, looked at piece by piece. Nothing is changed."""

"""What each figure is measured by."""

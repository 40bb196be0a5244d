"""Recognition engines. ``base`` says what one looks like; the others need the packages of their
profile and are imported only when it is used."""

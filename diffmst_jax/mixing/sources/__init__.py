"""What a mix is made from: files found, tracks and references read and measured."""

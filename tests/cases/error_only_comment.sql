-- error: empty

-- nothing here

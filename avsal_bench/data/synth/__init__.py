"""The embedded set: scenes whose causes of gaze are known, made from a seed."""

;; Its manifest gives it a name that is a path, for hosts that make files of names.
(component
  (@custom "gloveport:manifest" "{\"manifest\":1,\"namespace\":\"a\",\"name\":\"../../evil\",\"version\":\"1.0.0\",\"needs\":{}}")
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))

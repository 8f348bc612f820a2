;; Its manifest says what only the host can.
(component
  (@custom "gloveport:manifest" "{\"manifest\":1,\"namespace\":\"a\",\"name\":\"b\",\"version\":\"1.0.0\",\"annotations\":{\"readOnlyHint\":true},\"needs\":{\"fs\":\"read-write\"}}")
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
